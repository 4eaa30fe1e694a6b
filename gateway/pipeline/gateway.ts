import type { Dispatcher } from 'undici'
import type { Catalog } from '../catalog/catalog.ts'
import type { Clock } from '../domain/clock.ts'
import type { Connection } from '../domain/connection.ts'
import type { Fault } from '../domain/fault.ts'
import type { Health } from '../health/health.ts'
import type { Journal } from '../journal/journal.ts'
import type { LimitStore } from '../limits/limit-store.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { PriceBook } from '../prices/price-book.ts'
import type { ProviderAdapter } from '../providers/provider.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { RefusedCall } from './entry.ts'
import type { Headroom } from './headroom.ts'
import type { LiveAttempts } from './live.ts'

/** Everything a call needs on its way. The assembly chooses what stands behind each name. */
export interface Gateway {
  readonly clock: Clock
  /** The snapshot of this moment; a call takes it once. */
  readonly catalog: Catalog
  readonly providers: ReadonlyMap<string, ProviderAdapter>
  readonly limits: LimitStore
  readonly health: Health
  readonly headroom: Headroom
  readonly prices: PriceBook
  readonly journal: Pick<Journal, 'open' | 'progress' | 'row'>
  readonly tokenizer: Tokenizer
  readonly live: LiveAttempts
  /** Takes note of calls that were refused before any provider was asked. */
  readonly refusals: { add(refused: RefusedCall, fault: Fault): Promise<void> }
  readonly metrics: Metrics
  readonly log: Log
  /** The sockets that lead to a connection; `fresh`: one that nobody has used before. */
  upstream(connection: Connection, fresh: boolean): Pick<Dispatcher, 'dispatch'>
  /** Whether this error is that of a socket which had served an earlier answer and was closed while it lay idle. */
  diedIdle(error: unknown): boolean
}
