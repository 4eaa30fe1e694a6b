/** Which core runs what. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface Cores {
  /** For the proxy under test. `undefined`: nothing can be pinned here. */
  readonly subject: string | undefined
  /** For the load generator, the upstream, the stores and the bench itself. */
  readonly others: string | undefined
}

export function shareOut(): Cores {
  const [first, ...rest] = allowed()
  if (first === undefined || rest.length === 0) return { subject: undefined, others: undefined }
  const cores = { subject: String(first), others: rest.join(',') }
  return pin(process.pid, cores.others) ? cores : { subject: undefined, others: undefined }
}

/** Moves a process, all its threads, to some cores; says whether that worked. */
export function pin(pid: number, cores: string): boolean {
  try {
    execFileSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** The cores this process may use: a container may have been given some of the machine's. */
function allowed(): readonly number[] {
  let list: string | undefined
  try {
    list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]
  } catch {
    return []
  }
  return (list ?? '').split(',').flatMap((range) => {
    const [from = Number.NaN, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 || 0 }, (_, index) => from + index)
  })
}
