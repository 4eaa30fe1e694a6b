/** What a provider asks for beyond this, it asks in vain: in ten minutes much may have changed. */
const waitMsMax = 600_000
/** Longer waits are no waits but something else that was read as one. */
const absurdMs = 366 * 24 * 3_600_000

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `7.66s`, `6m0s`, `1h2m3s`, `59.7ms`. */
export function durationMs(text: string): number | undefined {
  let ms = 0
  let read = 0
  for (const [whole, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    ms += Number(amount) * (unitsMs[unit ?? ''] ?? 0)
    read += whole.length
  }
  return read > 0 && read === text.length ? ms : undefined
}

/** A count that is not negative: `12`, `1.5`. */
export function countIn(text: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined
}

/** The wait as it may be kept; one that nobody can mean says nothing. */
export function keptWaitMs(ms: number | undefined): number | undefined {
  if (ms === undefined || !(ms >= 0 && ms <= absurdMs)) return undefined
  return Math.min(Math.ceil(ms), waitMsMax)
}
