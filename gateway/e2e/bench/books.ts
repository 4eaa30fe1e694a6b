/** Whether the gateway's books agree with the answers that the load generator got. */
import { secret } from './product.ts'
import type { Sample, Target } from './rounds.ts'

/** What the gateway tells a key of its own use; `requests` and `tokens` are what was booked. */
interface Booked {
  readonly requests: number
  readonly tokens: number
}

/**
 * What is wrong with the books, once every row had time to arrive; `undefined`: they agree. A gateway that does not
 * write down what it relays is fast and of no use.
 */
export async function booksFault(
  gateway: Target,
  samples: readonly Sample[],
  triesMax = 120,
): Promise<string | undefined> {
  const own = samples.filter(({ target }) => target === gateway.name)
  const requests = own.reduce((sum, { answers }) => sum + answers, 0)
  const tokens = own.reduce((sum, sample) => sum + sample.tokens, 0)
  let booked: Booked | undefined
  for (let tries = 0; tries < triesMax; tries++) {
    booked = await read(gateway.port).catch(() => undefined)
    if (booked?.requests === requests && booked.tokens === tokens) return undefined
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  if (booked === undefined) return 'the gateway does not tell what it booked'
  return `booked ${booked.requests} calls and ${booked.tokens} tokens, of ${requests} calls and ${tokens} tokens`
}

async function read(port: number): Promise<Booked | undefined> {
  const headers = { authorization: `Bearer ${secret}` }
  const answer = await fetch(`http://127.0.0.1:${port}/v1/me/usage`, { headers })
  // Read as it is documented; anything else ends in a difference, which is what is looked for.
  const { totals } = (await answer.json()) as { totals?: { requests?: number; total_tokens?: number | null } | null }
  return totals?.requests === undefined ? undefined : { requests: totals.requests, tokens: totals.total_tokens ?? 0 }
}
