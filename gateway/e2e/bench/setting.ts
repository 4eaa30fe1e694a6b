import { cpus } from 'node:os'
import { relative } from 'node:path'
import type { Cores } from './cores.ts'
import type { Options } from './options.ts'
import { stale } from './product.ts'

/** Where and how it was measured. */
export function setting(entry: string | undefined, { subject, others }: Cores): readonly string[] {
  const runs = entry === undefined ? 'bare against bare' : relative(process.cwd(), entry)
  return [
    `command   npm run bench -- ${process.argv.slice(2).join(' ')}`.trimEnd(),
    `machine   Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    `measured  ${runs}`,
    subject === undefined
      ? 'cores     not pinned (no taskset, or a single core): proxies, load and stores share them'
      : `cores     ${subject}: the proxies, by turns; ${others}: load generator, upstream, PostgreSQL, this bench`,
  ]
}

/** What to know before believing the figures; `others` is the share of the proxies' core that others had. */
export function cautions(
  entry: string | undefined,
  { noise, warmUpSeconds }: Options,
  others: number,
): readonly string[] {
  const share = Math.round(others * 100)
  return [
    ...(share > 5 ? [`caution   others, or the hypervisor, had ${share} % of the proxies' core: see bare : bare`] : []),
    ...(entry === undefined && !noise
      ? ['caution   there is no gateway to run here; build it, or name it with --entry']
      : []),
    ...(entry !== undefined && stale(entry) ? ['caution   the build is older than the source: npm run build'] : []),
    ...(warmUpSeconds < 12 ? ['caution   warmed up for less than 12 s: V8 was still compiling'] : []),
  ]
}
