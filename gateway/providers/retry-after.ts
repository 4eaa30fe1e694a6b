import { isObject } from '../dialects/json-value.ts'
import type { ResponseHead } from '../dialects/meter.ts'
import { countIn, durationMs, keptWaitMs } from './durations.ts'
import { textIn } from './header-text.ts'
import type { StatedFailure } from './stated-failure.ts'

/**
 * How long a provider's headers ask us to stay away: `retry-after-ms`, or `retry-after` in seconds, as a duration or as
 * a date (RFC 9110 §10.2.3). Between nothing and ten minutes; what cannot be read says nothing.
 */
export function retryAfterMs(headers: ResponseHead['headers'], at: number): number | undefined {
  const ms = keptWaitMs(countIn(textIn(headers, 'retry-after-ms')))
  if (ms !== undefined) return ms
  const text = textIn(headers, 'retry-after')
  const seconds = countIn(text)
  if (seconds !== undefined) return keptWaitMs(seconds * 1_000)
  // A time that has come by our clock, which may be ahead of theirs, is no longer waited for.
  const date = /^[A-Za-z]{3}, /.test(text) ? Date.parse(text) : Number.NaN
  return keptWaitMs(Number.isNaN(date) ? durationMs(text) : Math.max(0, date - at))
}

/** The same as an error body asks it: in a detail of its own (Google), or in words. */
export function statedWaitMs({ error, message }: StatedFailure): number | undefined {
  const details = Array.isArray(error['details']) ? error['details'].filter(isObject) : []
  for (const { retryDelay } of details) {
    const ms = typeof retryDelay === 'string' ? durationMs(retryDelay) : undefined
    if (ms !== undefined) return keptWaitMs(ms)
  }
  const [, duration, amount, unit] = waitInWords.exec(message) ?? []
  return keptWaitMs(durationMs(duration ?? `${amount}${unit?.[0]}`))
}

/** "Please try again in 1m2.5s.", "Please retry after 26 seconds." */
const waitInWords =
  /(?:try again|retry) (?:in|after) (?:((?:\d+(?:\.\d+)?(?:ms|[smhd]))+)|(\d+(?:\.\d+)?) (second|minute|hour))/i
