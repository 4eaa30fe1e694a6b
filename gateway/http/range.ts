import { Fault } from '../domain/fault.ts'
import { instantIn } from '../domain/instant.ts'

/** A half-open range of time, in milliseconds since the epoch, and the zone whose days it is cut into. */
export interface Range {
  readonly from: number
  readonly to: number
  readonly timeZone: string
}

const hourMs = 3_600_000

const presets: Readonly<
  Record<string, (today: Temporal.ZonedDateTime, now: number) => readonly [from: number, to: number]>
> = {
  '1h': (_, now) => [now - hourMs, now],
  '24h': (_, now) => [now - 24 * hourMs, now],
  today: (today, now) => [today.epochMilliseconds, now],
  yesterday: (today) => [today.subtract({ days: 1 }).epochMilliseconds, today.epochMilliseconds],
  '7d': (today, now) => [today.subtract({ days: 6 }).epochMilliseconds, now],
  '30d': (today, now) => [today.subtract({ days: 29 }).epochMilliseconds, now],
  '90d': (today, now) => [today.subtract({ days: 89 }).epochMilliseconds, now],
  week: (today, now) => [monday(today).epochMilliseconds, now],
  'last-week': (today) => [monday(today).subtract({ days: 7 }).epochMilliseconds, monday(today).epochMilliseconds],
  month: (today, now) => [today.with({ day: 1 }).epochMilliseconds, now],
  'last-month': (today) => [
    today.with({ day: 1 }).subtract({ months: 1 }).epochMilliseconds,
    today.with({ day: 1 }).epochMilliseconds,
  ],
  year: (today, now) => [today.with({ month: 1, day: 1 }).epochMilliseconds, now],
  all: (_, now) => [0, now],
}

/** What a range may be called. */
export const presetNames = Object.keys(presets)

function monday(today: Temporal.ZonedDateTime): Temporal.ZonedDateTime {
  return today.subtract({ days: today.dayOfWeek - 1 })
}

export const rangeParameters = ['range', 'from', 'to', 'tz']

/**
 * The range that a query asks for: `range`, a preset whose days are calendar days of the zone `tz`, or `from` and `to`.
 * Without either, the last 30 days.
 */
export function rangeIn(query: Readonly<Record<string, string>>, now: number): Range {
  const timeZone = query['tz'] ?? 'UTC'
  let today: Temporal.ZonedDateTime
  try {
    today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timeZone).startOfDay()
  } catch {
    throw invalid('tz', 'an IANA time zone, such as Europe/Berlin')
  }
  if (query['from'] !== undefined || query['to'] !== undefined) {
    const from = instant('from', query['from'], timeZone) ?? 0
    const to = instant('to', query['to'], timeZone) ?? now
    if (from >= to) throw invalid('from', 'a time before `to`')
    return { from, to, timeZone }
  }
  const name = query['range'] ?? '30d'
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined
  if (!preset) throw invalid('range', `one of ${presetNames.join(', ')}`)
  const [from, to] = preset(today, now)
  return { from, to, timeZone }
}

function instant(name: string, text: string | undefined, timeZone: string): number | undefined {
  if (text === undefined) return undefined
  const ms = instantIn(text, timeZone)
  if (ms !== undefined) return ms
  throw invalid(name, 'a date (2026-11-01) or a time (2026-11-01T09:00:00Z)')
}

function invalid(param: string, expected: string): Fault {
  return new Fault('invalid_request', `Invalid value for '${param}': expected ${expected}.`, { param })
}
