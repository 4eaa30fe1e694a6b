import type { Standing } from '../limits/limit-store.ts'
import { headerSafe } from './header-safe.ts'

/**
 * `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` as OpenAI names them, of the caller's own scope that has the
 * lowest share left; nothing where no limit applies.
 */
export function rateLimitHeaders(standings: readonly Standing[]): Record<string, string> {
  const headers: Record<string, string> = {}
  let scope: Standing | undefined
  for (const measure of ['requests', 'tokens'] as const) {
    const tightest = standings
      .filter(({ limit }) => limit.measure === measure)
      .reduce<Standing | undefined>((least, next) => (least && share(least) <= share(next) ? least : next), undefined)
    if (!tightest) continue
    const { limit, used, resetMs } = tightest
    headers[`x-ratelimit-limit-${measure}`] = String(limit.max)
    headers[`x-ratelimit-remaining-${measure}`] = String(Math.max(0, limit.max - used))
    headers[`x-ratelimit-reset-${measure}`] = duration(resetMs)
    if (!scope || share(tightest) < share(scope)) scope = tightest
  }
  if (scope) headers['x-tollgate-ratelimit-scope'] = headerSafe(nameOf(scope.limit))
  return headers
}

function nameOf({ scope, subject }: Standing['limit']): string {
  return scope === 'global' ? 'global' : `${scope}:${subject}`
}

function share({ limit, used }: Standing): number {
  return (limit.max - used) / Math.max(1, limit.max)
}

/** OpenAI's spelling: `850ms`, `12s`, `6m0s`. */
function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.ceil(ms))}ms`
  const seconds = Math.ceil(ms / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
