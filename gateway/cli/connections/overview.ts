import { connectionDocument } from '../../admin/connection-document.ts'
import { didYouMean } from '../../config/problem.ts'
import type { Configuration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { successRate } from '../../health/rules.ts'
import type { ConnectionCounts, ConnectionNews } from '../../ledger/connection-traffic.ts'
import { providers } from '../../providers/index.ts'
import { loadConnection } from '../../stored-connections.ts'
import { CommandFailure, exits, note } from '../output.ts'
import { findGateway, type RunningGateway, type Health as Told } from '../running-gateway.ts'
import { type LedgerLook, lookIntoLedger } from './ledger-look.ts'
import { askConnections, type LiveConnection } from './live.ts'
import { isSince, masterKeysAtHand, withoutGateway } from './without-gateway.ts'

export interface Overview {
  readonly gateway: RunningGateway | undefined
  /** Who says how they are: the gateway, or, where none runs, the rows that were written; `undefined`: nobody can. */
  readonly healthFrom: 'gateway' | 'ledger' | undefined
  /** In the order of asking. */
  readonly connections: readonly Seen[]
}

/** A connection with what is known of it; `undefined`: nobody could be asked. */
export interface Seen {
  readonly connection: Omit<LiveConnection, 'health'>
  readonly health: LiveConnection['health'] | undefined
  /** Of the last `successHours`. */
  readonly counts: ConnectionCounts | undefined
  readonly news: ConnectionNews | undefined
  /** Why it cannot be used although it is meant to be. */
  readonly problem?: string
}

/** All connections. `url` names a gateway elsewhere, whose word on their health is taken then. */
export async function overviewOf(configuration: Configuration, url: string | undefined): Promise<Overview> {
  const gateway = await findGateway(configuration, url)
  const live = isElsewhere(url) ? undefined : await askConnections(configuration)
  const declared = withoutGateway(configuration, undefined).map(({ connection }) => connection.id)
  const ledger = await lookIntoLedger(configuration, live?.map(({ id }) => id) ?? declared)
  const all = live ?? withoutGateway(configuration, ledger).map(connectionDocument)
  const told = live === undefined && gateway ? toldBy(gateway.health) : undefined
  const healthFrom = live || told ? 'gateway' : ledger ? 'ledger' : undefined
  return {
    gateway,
    healthFrom,
    connections: all.map(({ health, ...connection }) => {
      const known = told ? told.get(connection.id) : healthFrom && health
      const { id } = connection
      const counts = ledger?.day && (ledger.day.get(id) ?? noCounts)
      return withTrouble({ connection, health: known, counts, news: ledger?.news.get(id) }, ledger, configuration)
    }),
  }
}

const noCounts: ConnectionCounts = { attempts: 0, succeeded: 0, failed: 0, lastErrorAt: undefined }

/** Which share of what it could do well it did well; `undefined` where nothing is known, or was asked of it. */
export function successOf({ counts }: Pick<Seen, 'counts'>): number | undefined {
  return counts && successRate(counts)
}

/** Whether a gateway was named: it may be on another machine, and its control socket is not asked then. */
export function isElsewhere(url: string | undefined): boolean {
  return Boolean(url ?? process.env['TOLLGATE_URL']?.trim())
}

/** A provider that does not exist is a mistake, not one without connections. */
export function checkProvider(id: string | undefined): void {
  if (id === undefined || providers.has(id)) return
  const known = [...providers.keys()].toSorted()
  throw new CommandFailure(exits.notFound, `there is no provider ${JSON.stringify(id)}${didYouMean(id, known)}`, {
    fix: `there are: ${known.join(', ')}`,
  })
}

/** Says where health comes from, where that is not the gateway. */
export function noteSource({ healthFrom }: Overview): void {
  if (healthFrom === 'ledger') note('No gateway runs here, so health is told from the rows of the last calls.')
  if (healthFrom === undefined) note('No gateway answers here, so health is not known.')
}

/** Exactly this provider's, and those of exactly this health. */
export function selected(
  connections: readonly Seen[],
  { provider, health }: { readonly provider?: string | undefined; readonly health?: string | undefined },
): readonly Seen[] {
  return connections.filter(
    (seen) =>
      (provider === undefined || seen.connection.provider === provider) &&
      (health === undefined || seen.health?.status === health),
  )
}

/** What a gateway elsewhere says on its `/health`. */
function toldBy({ connections }: Told): ReadonlyMap<string, LiveConnection['health']> {
  return new Map(
    connections.flatMap(({ id, health, status, available, reason, retry_after_ms: restMs, ...figures }) => {
      if (health === undefined) return []
      const until = new Date(systemClock.now() + restMs).toISOString()
      const rest = available ? null : { reason: reason ?? '', until }
      return [[id, { ...figures, status: health, credential_refused: status === 'error', rest }]]
    }),
  )
}

/**
 * An active one is in error while its last test failed, or its credential stands refused; and one that is meant to be
 * active but cannot be used, which a gateway takes out of use by itself.
 */
function withTrouble(seen: Seen, ledger: LedgerLook | undefined, configuration: Configuration): Seen {
  const { connection, health, news } = seen
  const row = ledger?.stored.find(({ slug }) => slug === connection.id)
  const inError: Seen = { ...seen, connection: { ...connection, status: 'error' } }
  if (connection.managed_by === 'database' && connection.status === 'inactive' && row?.status === 'active') {
    const { problem } = loadConnection(row, configuration, masterKeysAtHand(configuration))
    return problem === undefined ? seen : { ...inError, health: undefined, problem }
  }
  const failed = health?.credential_refused === true || isSince(news?.testFailedAt, row)
  return connection.status === 'active' && failed ? inError : seen
}
