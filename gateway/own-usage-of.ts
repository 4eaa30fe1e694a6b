import { systemClock } from './domain/clock.ts'
import { Fault } from './domain/fault.ts'
import { type OwnAnswer, type OwnKey, type OwnQuestion, type OwnUsage, ownMetrics } from './http/own-usage.ts'
import type { Database } from './ledger/database.ts'
import { only } from './ledger/query/filters.ts'
import { TooManyPoints } from './ledger/query/time-buckets.ts'
import { type UsageAnswer, usageSums } from './ledger/query/usage-sums.ts'
import { requestOf, requestsOf } from './ledger/requests.ts'

/** What a key may know of itself, from the ledger that everybody's numbers come from. */
export function ownUsageOf(database: Database): OwnUsage {
  return {
    request: (key, call) => requestOf(database, key, call),
    requests: (key, page) => requestsOf(database, key, page),
    usage: (key, question) => usageOfKey(database, key, question),
  }
}

const metrics = Object.values(ownMetrics)

async function usageOfKey(
  database: Database,
  key: OwnKey,
  { range, groupBy, interval }: OwnQuestion,
): Promise<OwnAnswer> {
  const byDay = groupBy === 'day'
  try {
    const answer = await usageSums(database, {
      ...range,
      scope: { org: key.org },
      filters: [only('key', key.id)],
      metrics,
      groupBy: groupBy === undefined || groupBy === 'day' ? [] : [groupBy],
      interval: byDay ? 'day' : interval,
      now: systemClock.now(),
    })
    return byDay ? daysAsGroups(answer, range.timeZone) : told(answer)
  } catch (error) {
    if (!(error instanceof TooManyPoints)) throw error
    const message = `${error.message} Ask for a shorter range, or a longer interval.`
    throw new Fault('invalid_request', message, { param: 'range', cause: error })
  }
}

type Answer = UsageAnswer<(typeof metrics)[number]>

function told({ buckets, total, groups }: Answer): OwnAnswer {
  return {
    buckets,
    total: { sum: total.values, points: total.points },
    groups: groups.map(({ key: [key = null], values, points }) => ({ key, sum: values, points })),
  }
}

/** A breakdown by day has the days that have something. */
function daysAsGroups({ buckets, total, groups: _ }: Answer, timeZone: string): OwnAnswer {
  const days = buckets.flatMap(({ from }, place) => {
    const sum = total.points[place]
    if (!sum || (sum.requests === 0 && sum.tokens_total === null && sum.charge_usd === null)) return []
    const day = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(timeZone).toPlainDate()
    return [{ key: day.toString(), sum, points: [] }]
  })
  return { buckets: [], total: { sum: total.values, points: [] }, groups: days }
}
