const waitMsMax = 600_000

/**
 * How long a provider asks us to stay away: `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110
 * §10.2.3), between nothing and ten minutes. What cannot be read says nothing.
 */
export function retryAfterMs(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  at: number,
): number | undefined {
  const ms = numberIn(headers['retry-after-ms'])
  if (ms !== undefined) return clamp(ms)
  const header = headers['retry-after']
  const seconds = numberIn(header)
  if (seconds !== undefined) return clamp(seconds * 1000)
  if (typeof header !== 'string' || !/^[A-Za-z]{3}, /.test(header)) return undefined
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : clamp(date - at)
}

function numberIn(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string' || !/^\s*-?\d+(\.\d+)?\s*$/.test(header)) return undefined
  return Number(header)
}

function clamp(ms: number): number {
  return Math.round(Math.min(Math.max(ms, 0), waitMsMax))
}
