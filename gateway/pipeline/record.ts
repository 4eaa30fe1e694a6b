import type { Call } from '../domain/call.ts'
import type { Fault } from '../domain/fault.ts'
import { isTracked } from '../domain/tracking.ts'
import type { Entry } from './entry.ts'
import type { Gateway } from './gateway.ts'
import type { Cost } from './price.ts'
import { rowOf } from './row.ts'

/** Writes down how every attempt ended, or that the call was refused. Once it resolves, a restart loses nothing of it. */
export async function record(entry: Entry, costs: readonly Cost[], gateway: Gateway): Promise<void> {
  const { attempts, call, fault } = entry
  const written: Promise<void>[] = []
  attempts.forEach((attempt, index) => {
    const cost = costs[index]
    // Only a bug leaves an attempt without an end; the call's own failure tells of it.
    if (!cost || !attempt.outcome) return
    // An estimate is provisional until the tokenizer has had its turn.
    const revision = cost.usageSource === 'counted' ? 1 : 2
    written.push(gateway.journal.row(rowOf(entry, attempt, cost, revision, gateway.clock.elapsed())))
    gateway.metrics.attempted(attempt, cost)
  })
  if (fault && attempts.length === 0) written.push(refuse(call, fault, gateway))
  if (fault?.code === 'internal') gateway.log.error({ error: fault.cause, call: call.id }, 'a call failed')
  await Promise.all(written)
}

function refuse({ id, key, identity, dialect, endpoint, asked }: Call, fault: Fault, gateway: Gateway): Promise<void> {
  const { stream, model } = asked
  const { trackUsage: installation } = gateway.catalog.settings
  const tracked = isTracked({ request: identity.tracked, key: key.trackUsage, installation })
  return gateway.refusals.add({ id, key, identity, tracked, dialect, endpoint, stream, model }, fault)
}
