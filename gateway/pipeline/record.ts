import type { Call } from '../domain/call.ts'
import type { Fault } from '../domain/fault.ts'
import { isTracked } from '../domain/tracking.ts'
import type { Attempt, Entry } from './entry.ts'
import type { Gateway } from './gateway.ts'
import { type Cost, price } from './price.ts'
import { rowOf } from './row.ts'

/**
 * Writes down how every attempt ended whose row is not written yet, or that the call was refused. Once it resolves, a
 * restart loses nothing of it.
 */
export async function record(entry: Entry, costs: readonly Cost[], gateway: Gateway): Promise<void> {
  const { attempts, call, fault } = entry
  const written: Promise<void>[] = []
  attempts.forEach((attempt, index) => {
    const cost = costs[index]
    // Only a bug leaves an attempt without an end; the call's own failure tells of it.
    if (!cost || !attempt.outcome || attempt.recordedMs !== undefined) return
    written.push(recordAttempt(entry, attempt, cost, gateway))
  })
  if (fault && attempts.length === 0) written.push(refuse(call, fault, gateway))
  if (fault?.code === 'internal') gateway.log.error({ error: fault.cause, call: call.id }, 'a call failed')
  await Promise.all(written)
}

/**
 * Writes down the attempts that failed before the one that is under way now. A process that dies over this one must not
 * leave them open: a restart would take them for answers that were paid for.
 */
export function recordFailed(entry: Entry, gateway: Gateway): void {
  const failed = entry.attempts.filter(({ outcome, recordedMs }) => outcome && recordedMs === undefined)
  if (failed.length === 0) return
  const costs = price(entry, gateway)
  for (const attempt of failed) {
    const cost = costs[attempt.number - 1]
    // Nobody waits for it, and it cannot fail: the call itself ends no earlier than this is written.
    if (cost) void recordAttempt(entry, attempt, cost, gateway)
  }
}

function recordAttempt(entry: Entry, attempt: Attempt, cost: Cost, gateway: Gateway): Promise<void> {
  attempt.recordedMs = gateway.clock.elapsed()
  gateway.metrics.attempted(attempt, cost)
  // An estimate is provisional until the tokenizer has had its turn.
  const revision = cost.usageSource === 'counted' ? 1 : 2
  return gateway.journal.row(rowOf(entry, attempt, cost, revision, attempt.recordedMs))
}

function refuse({ id, key, identity, dialect, endpoint, asked }: Call, fault: Fault, gateway: Gateway): Promise<void> {
  const { stream, model } = asked
  const { trackUsage: installation } = gateway.catalog.settings
  const tracked = isTracked({ request: identity.tracked, key: key.trackUsage, installation })
  return gateway.refusals.add({ id, key, identity, tracked, dialect, endpoint, stream, model }, fault)
}
