import { quarterMs } from '../../domain/day.ts'
/** How a range is cut up: by the clock and calendar of a zone. */
export const intervals = ['15m', 'hour', 'day', 'week', 'month'] as const
export type Interval = (typeof intervals)[number]

/** A half-open stretch of time, in milliseconds since the epoch. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

export interface Calendar {
  /** An IANA name. */
  readonly timeZone: string
  /** The day that weeks begin with: 1 is Monday, 7 is Sunday. */
  readonly weekStart: number
}

/** More than this is no chart; nobody reads it, and the database would be at it for long. */
const bucketsMax = 2_000

/** The question would be answered with more than anybody can look at. */
export class TooManyPoints extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'TooManyPoints'
  }
}

/** The stretches that a range falls into; the first and the last may be parts of theirs. Without an interval, one. */
export function bucketsOf(
  { from, to }: Stretch,
  interval: Interval | undefined,
  calendar: Calendar,
): readonly Stretch[] {
  if (interval === undefined) return [{ from, to }]
  const buckets: Stretch[] = []
  for (let at = from; at < to; ) {
    const next = nextStart(at, interval, calendar)
    buckets.push({ from: at, to: Math.min(next, to) })
    if (buckets.length > bucketsMax) {
      throw new TooManyPoints(`More than ${bucketsMax} intervals of ${interval} lie in this range.`)
    }
    at = next
  }
  return buckets
}

const hourMs = 3_600_000

// Zones are whole quarters of an hour from UTC, since 1972 all of them.
function nextStart(at: number, interval: Interval, { timeZone, weekStart }: Calendar): number {
  if (interval === '15m') return (Math.floor(at / quarterMs) + 1) * quarterMs
  const here = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timeZone)
  if (interval === 'hour') return nextHour(here)
  const today = here.toPlainDate()
  return nextDate(today, interval, weekStart).toZonedDateTime(timeZone).epochMilliseconds
}

// An hour ends where the clock is put forward or back, whether it is full or not: Lord Howe's clock moves by half of one.
function nextHour(here: Temporal.ZonedDateTime): number {
  const intoHourMs = here.minute * 60_000 + here.second * 1_000 + here.millisecond
  const next = here.epochMilliseconds + hourMs - intoHourMs
  const change = here.getTimeZoneTransition('next')?.epochMilliseconds ?? Number.POSITIVE_INFINITY
  return Math.min(next, change)
}

function nextDate(
  today: Temporal.PlainDate,
  interval: 'day' | 'week' | 'month',
  weekStart: number,
): Temporal.PlainDate {
  if (interval === 'day') return today.add({ days: 1 })
  if (interval === 'month') return today.with({ day: 1 }).add({ months: 1 })
  const intoWeek = (today.dayOfWeek - weekStart + 7) % 7
  return today.add({ days: 7 - intoWeek })
}
