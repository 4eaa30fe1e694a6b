import type { Attempt, Entry } from './entry.ts'
import type { Gateway } from './gateway.ts'
import type { Cost } from './price.ts'
import { rowOf } from './row.ts'

/** Writes down how every attempt ended, or that the call was refused. Where this returns, a restart loses nothing of it. */
export function record(entry: Entry, costs: readonly Cost[], gateway: Gateway): void {
  entry.attempts.forEach((attempt, index) => {
    const cost = costs[index]
    if (!cost) return
    // An estimate is provisional until the tokenizer has had its turn.
    const provisional = cost.usageSource === 'counted'
    write(entry, attempt, cost, provisional ? 1 : 2, gateway)
    gateway.metrics.attempted(attempt, cost)
  })
  if (entry.fault && entry.attempts.length === 0) refuse(entry, gateway)
  if (entry.fault?.code === 'internal')
    gateway.log.error({ error: entry.fault.cause, call: entry.call.id }, 'a call failed')
}

function refuse(entry: Entry, gateway: Gateway): void {
  const { call, fault } = entry
  if (!fault) return
  const { id, key, identity, dialect, endpoint, asked } = call
  gateway.refusals.add({ id, key, identity, dialect, endpoint, stream: asked.stream, model: asked.model }, fault)
}

export function write(entry: Entry, attempt: Attempt, cost: Cost, revision: 1 | 2, gateway: Gateway): void {
  try {
    gateway.journal.row(rowOf(entry, attempt, cost, revision, gateway.clock.elapsed()))
  } catch (error) {
    // The answer was paid for; keeping it from the client would lose that too. The row is at risk, and counted as such.
    gateway.metrics.rowAtRisk()
    gateway.log.error({ error, attempt: attempt.id }, 'a usage row could not be written to the journal')
  }
}
