import type { Entry } from './entry.ts'
import { counted } from './estimate.ts'
import type { Gateway } from './gateway.ts'
import { type Cost, priceUsage } from './price.ts'
import { append } from './record.ts'
import { rowOf } from './row.ts'

/**
 * Where no usage was stated, the row has been written with an estimate by bytes. Now that the client has its answer,
 * the tokenizer counts what really flowed, and a row of a higher revision takes the estimate's place.
 */
export async function recount(entry: Entry, costs: readonly Cost[], gateway: Gateway): Promise<readonly Cost[]> {
  // Nearly every provider states its usage, so nearly every call is done here.
  if (!costs.some(({ usageSource }) => usageSource === 'counted')) return costs
  return await Promise.all(
    entry.attempts.map(async (attempt, index) => {
      const cost = costs[index]
      if (!attempt.outcome || !cost) throw new Error('an attempt was not priced')
      const { reading } = attempt.outcome
      if (reading.source !== 'none' || cost.usageSource !== 'counted') return cost
      try {
        const texts = { prompt: entry.call.asked.prompt().texts, said: reading.said ?? '' }
        const tokens = await gateway.tokenizer.count({
          model: reading.servedModel ?? attempt.candidate.model,
          ...texts,
        })
        const final = priceUsage(entry, attempt, counted(entry.call, reading, tokens), gateway)
        await append(rowOf(entry, attempt, final, 2, gateway.clock.elapsed()), gateway)
        return final
      } catch (error) {
        // The estimate stands: it is in the ledger, marked as counted.
        gateway.log.warn({ error }, 'the tokenizer failed')
        return cost
      }
    }),
  )
}
