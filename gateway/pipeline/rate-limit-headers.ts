import type { Standing } from '../limits/limit-store.ts'
import { headerSafe } from './header-safe.ts'

/**
 * `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` as OpenAI names them, of the caller's own scope that has the
 * lowest share left; nothing where no limit applies. Added to `headers`: one object whose names are written out costs a
 * call a tenth of what joining several with made-up names did.
 */
export function rateLimitHeaders(
  standings: readonly Standing[],
  headers: Record<string, string> = {},
): Record<string, string> {
  const requests = tightest(standings, 'requests')
  if (requests) {
    headers['x-ratelimit-limit-requests'] = String(requests.limit.max)
    headers['x-ratelimit-remaining-requests'] = remaining(requests)
    headers['x-ratelimit-reset-requests'] = duration(requests.resetMs)
  }
  const tokens = tightest(standings, 'tokens')
  if (tokens) {
    headers['x-ratelimit-limit-tokens'] = String(tokens.limit.max)
    headers['x-ratelimit-remaining-tokens'] = remaining(tokens)
    headers['x-ratelimit-reset-tokens'] = duration(tokens.resetMs)
  }
  const scope = requests && tokens ? (share(tokens) < share(requests) ? tokens : requests) : (requests ?? tokens)
  if (scope) headers['x-tollgate-ratelimit-scope'] = headerSafe(nameOf(scope.limit))
  return headers
}

/** Of the limits of one measure, the first of those that have the lowest share left. */
function tightest(standings: readonly Standing[], measure: Standing['limit']['measure']): Standing | undefined {
  let least: Standing | undefined
  for (const next of standings) {
    if (next.limit.measure === measure && (!least || share(next) < share(least))) least = next
  }
  return least
}

function nameOf({ scope, subject }: Standing['limit']): string {
  return scope === 'global' ? 'global' : `${scope}:${subject}`
}

function share({ limit, used }: Standing): number {
  return (limit.max - used) / Math.max(1, limit.max)
}

function remaining({ limit, used }: Standing): string {
  return String(Math.max(0, limit.max - used))
}

/** OpenAI's spelling: `850ms`, `12s`, `6m0s`. */
function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.ceil(ms))}ms`
  const seconds = Math.ceil(ms / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
