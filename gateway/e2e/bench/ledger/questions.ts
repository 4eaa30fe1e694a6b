import { systemClock } from '../../../domain/clock.ts'
import { dayMs } from '../../../domain/day.ts'
import type { Database } from '../../../ledger/database.ts'
import type { Filter } from '../../../ledger/query/filters.ts'
import type { Metric } from '../../../ledger/query/metrics.ts'
import { type UsageQuestion, usageSums } from '../../../ledger/query/usage-sums.ts'
import { requestOf, requestsOf } from '../../../ledger/requests.ts'
import { everyOrg } from '../../../ledger/roles.ts'
import { spread } from '../figures.ts'
import { tell } from './fill.ts'
import type { Traffic } from './traffic.ts'

const times = 5

interface Question {
  readonly title: string
  readonly ask: () => Promise<unknown>
}

/** Asks what the dashboard's pages ask, several times each, and tells how long the answers took. */
export async function askAll(database: Database, traffic: Traffic): Promise<void> {
  const { end } = traffic
  const last = (days: number, question: Partial<UsageQuestion>): UsageQuestion => ({
    scope: everyOrg,
    metrics: ['requests', 'success_rate', 'charge_usd', 'tokens_total'],
    timeZone: 'Europe/Berlin',
    from: end - days * dayMs,
    to: end,
    now: end,
    ...question,
  })
  const sums = (title: string, days: number, question: Partial<UsageQuestion>): Question => ({
    title: `${title}, ${days} days`,
    ask: () => usageSums(database, last(days, question)),
  })
  const user: Filter = { dimension: 'user', op: 'in', values: ['user-17'] }
  const latency: readonly Metric[] = ['latency_avg_ms', 'latency_p95_ms', 'ttft_p95_ms']
  const overview = [
    ...[1, 7, 30, traffic.days].map((days) => sums('card', days, {})),
    sums('strip with latency', 30, { metrics: ['requests', ...latency] }),
    sums('active users', 30, { metrics: ['active_users'] }),
    sums('trend by day', 30, { interval: 'day', metrics: ['requests', 'charge_usd', 'tokens_input', 'tokens_output'] }),
    sums('cost by provider and day', 30, { interval: 'day', groupBy: ['provider'] }),
    ...(['feature', 'model', 'user', 'agent', 'connection'] as const).map((dimension) =>
      sums(`top ${dimension}s`, 30, { groupBy: [dimension] }),
    ),
  ]
  const explorer = [
    sums('model by day', 90, { groupBy: ['model'], interval: 'day' }),
    sums('model by day in Kolkata', 90, { groupBy: ['model'], interval: 'day', timeZone: 'Asia/Kolkata' }),
    sums('model by day in Auckland', 90, { groupBy: ['model'], interval: 'day', timeZone: 'Pacific/Auckland' }),
    sums('key and model by week', 90, { groupBy: ['key', 'model'], interval: 'week' }),
    sums('agent, provider and model', 90, { groupBy: ['agent', 'provider', 'model'] }),
    sums('p95 by connection and day', 90, { groupBy: ['connection'], interval: 'day', metrics: latency }),
    sums('by hour', 30, { interval: 'hour' }),
    sums('users', 90, { groupBy: ['user'] }),
    sums('active users by day', 90, { metrics: ['active_users'], interval: 'day' }),
    sums('one user by day and model', 90, { filters: [user], groupBy: ['model'], interval: 'day' }),
  ]
  const [some] = await database.sql<{ id: string; org: string; call: string }[]>`
    SELECT key_id AS id, org_id AS org, call_id AS call FROM tollgate.usage
    WHERE started_at > ${new Date(end - 40 * dayMs)} ORDER BY started_at LIMIT 1`
  const lists: readonly Question[] = some
    ? [
        { title: 'a call by its id', ask: () => requestOf(database, some, some.call) },
        { title: 'a page of requests', ask: () => requestsOf(database, some, { limit: 50 }) },
      ]
    : []
  const cards = await timed('Overview', overview)
  tell(`${'all of the overview, one after the other'.padEnd(50)} ${cards} ms`)
  await timed('Explorer', explorer)
  await timed('Requests', lists)
}

/** The sum of the medians. */
async function timed(page: string, questions: readonly Question[]): Promise<number> {
  tell(`\n${page.padEnd(50)} median  (min–max) ms of ${times}`)
  let sum = 0
  for (const { title, ask } of questions) {
    const took: number[] = []
    try {
      for (let i = 0; i < times; i++) {
        const startedMs = systemClock.elapsed()
        await ask()
        took.push(Math.round(systemClock.elapsed() - startedMs))
      }
    } catch (error) {
      tell(`${title.padEnd(50)} ${error instanceof Error ? error.message : error}`)
      continue
    }
    const { median = 0, min, max } = spread(took) ?? {}
    tell(`${title.padEnd(50)} ${String(median).padStart(6)}  (${min}–${max})`)
    sum += median
  }
  return sum
}
