import { healthWords } from '../../domain/settings.ts'
import type { Tested } from './ask-for-tests.ts'
import { isServed } from './health-table.ts'
import type { Seen } from './overview.ts'

/** What to do next: about the worst of them, if anything; `undefined` where all is well. */
export function adviceFor(
  connections: readonly Seen[],
  tests: ReadonlyMap<string, Tested> | undefined,
): string | undefined {
  const served = connections.filter(isServed)
  if (served.length === 0) return undefined
  const badness = ({ connection, health }: Seen) =>
    (health ? healthWords.indexOf(health.status) : 0) + (connection.status === 'error' ? healthWords.length : 0)
  const [worst] = served.toSorted((a, b) => badness(b) - badness(a))
  if (!worst || badness(worst) === 0) return undefined
  const { connection, health } = worst
  const { id } = connection
  const tested = tests?.get(id)
  const refused = tested ? tested.http_status === 401 || tested.http_status === 403 : health?.credential_refused
  if (refused && connection.managed_by === 'config') return `correct the api_key of ${id} at ${connection.source}`
  if (refused && connection.managed_by === 'database') return `tollgate connections rotate-key ${id}`
  return tested ? (tested.hint ?? `tollgate usage tail --status error`) : `tollgate connections test ${id}`
}
