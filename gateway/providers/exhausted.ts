import type { ResponseHead } from '../dialects/meter.ts'
import { countIn, durationMs, keptWaitMs } from './durations.ts'
import { textIn } from './header-text.ts'

/**
 * What a provider counts, as its headers name it: `x-ratelimit-remaining-tokens`, `x-ratelimit-remaining`. OpenAI, Groq
 * and Azure refill the first two steadily, so their `reset` is when all is there again, long after the next call would
 * be taken: of 500 requests a minute one is back after 120 ms. The others are windows, which end at their `reset`.
 */
const refilled = ['-requests', '-tokens'] as const
const windows = ['', ...refilled.flatMap((name) => ['-minute', '-hour', '-day'].map((window) => name + window))]
/** Spelled once: every answer is asked for all of them. */
const remainders = [...refilled, ...windows].map((name) => `x-ratelimit-remaining${name}`)

/** A token bucket counts as usable again when a tenth has refilled. */
const usableShare = 0.1
/** Shorter waits are over before the next call has come this far. */
const waitMsMin = 1_000

/** How long a provider that has just answered will take no more, where its headers say so: nothing remains. */
export function exhaustedMs({ headers }: ResponseHead, at: number): number | undefined {
  if (!remainders.some((header) => isSpent(headers, header))) return undefined
  const refills = refilled.map((name) => {
    const whole = resetMs(headers, name, at)
    const size = countIn(textIn(headers, `x-ratelimit-limit${name}`)) ?? 0
    if (whole === undefined || size < 1) return whole
    return whole * (name === '-requests' ? 1 / size : usableShare)
  })
  const ms = longest([...refills, ...windows.map((name) => resetMs(headers, name, at))])
  return ms === undefined || ms < waitMsMin ? undefined : keptWaitMs(ms)
}

/** The same of a refusal: what is exhausted is why, and it is waited for until all is there again. */
export function resetAfterMs(headers: ResponseHead['headers'], at: number): number | undefined {
  return keptWaitMs(longest([...refilled, ...windows].map((name) => resetMs(headers, name, at))))
}

/** Of something of which nothing remains, how long until its reset: a duration, seconds, or a moment. */
function resetMs(headers: ResponseHead['headers'], name: string, at: number): number | undefined {
  if (!isSpent(headers, `x-ratelimit-remaining${name}`)) return undefined
  const reset = textIn(headers, `x-ratelimit-reset${name}`)
  const count = countIn(reset)
  if (count === undefined) return durationMs(reset) ?? momentMs(/^\d{4}-\d\d-\d\dT/.test(reset) ? Date.parse(reset) : 0)
  if (count >= 1e9) return momentMs(count >= 1e12 ? count : count * 1_000)
  // Azure says milliseconds here and seconds there; no wait is longer than the window that it states beside them.
  const windowSeconds = countIn(textIn(headers, `x-ratelimit-renewalperiod${name}`))
  return windowSeconds !== undefined && count > windowSeconds ? count : count * 1_000

  function momentMs(moment: number): number | undefined {
    return moment > 0 ? Math.max(0, moment - at) : undefined
  }
}

function isSpent(headers: ResponseHead['headers'], header: string): boolean {
  const remaining = textIn(headers, header)
  // Some count below nothing.
  return remaining !== '' && Number(remaining) <= 0
}

function longest(waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((ms) => ms !== undefined)
  return known.length > 0 ? Math.max(...known) : undefined
}
