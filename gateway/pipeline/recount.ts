import type { Attempt, Entry } from './entry.ts'
import { counted } from './estimate.ts'
import type { Gateway } from './gateway.ts'
import { type Cost, priceUsage } from './price.ts'
import { rowOf } from './row.ts'

/**
 * Where no usage was stated, the row has been written with an estimate by bytes. Now that the client has its answer,
 * the tokenizer counts what really flowed, and a row of a higher revision takes the estimate's place.
 */
export async function recount(entry: Entry, costs: readonly Cost[], gateway: Gateway): Promise<void> {
  if (!costs.some(({ usageSource }) => usageSource === 'counted')) return
  for (const [index, attempt] of entry.attempts.entries()) {
    if (costs[index]?.usageSource === 'counted') await recountAttempt(entry, attempt, gateway)
  }
}

async function recountAttempt(entry: Entry, attempt: Attempt, gateway: Gateway): Promise<void> {
  const reading = attempt.outcome?.reading
  if (!reading) return
  const model = reading.servedModel ?? attempt.candidate.model
  try {
    const texts = { prompt: entry.call.asked.prompt().texts, said: reading.said ?? '' }
    const tokens = await gateway.tokenizer.count({ model, ...texts })
    const cost = priceUsage(entry, attempt, counted(entry.call, reading, tokens), gateway)
    await gateway.journal.row(rowOf(entry, attempt, cost, 2, attempt.recordedMs ?? gateway.clock.elapsed()))
  } catch (error) {
    // The estimate stands: it is in the ledger, marked as counted.
    gateway.log.warn({ error }, 'the tokenizer failed')
  }
}
