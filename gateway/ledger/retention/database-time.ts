import type { Clock } from '../../domain/clock.ts'
import type { Database } from '../database.ts'

const apartMaxMs = 3_600_000

/**
 * PostgreSQL's time, by which days are dropped. Throws where ours is more than an hour from it: one of the two is wrong,
 * nobody knows which, and what is dropped by a wrong clock is gone.
 */
export async function sameTime({ sql }: Pick<Database, 'sql'>, clock: Clock): Promise<number> {
  const [there] = await sql<{ now: number }[]>`SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`
  const now = there?.now ?? Number.NaN
  const apartMs = Math.abs(now - clock.now())
  if (apartMs <= apartMaxMs) return now
  const [ours, theirs] = [clock.now(), now].map((at) => new Date(at).toISOString())
  throw new Error(`This host's clock says ${ours}, and PostgreSQL's ${theirs}: nothing is dropped until they agree`)
}
