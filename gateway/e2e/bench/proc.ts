/** What a process used, as Linux tells it. Elsewhere, and of processes that are gone, nothing is known: `undefined`. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Clock } from '../../domain/clock.ts'

// Linux counts a process's time in USER_HZ, which is 100 on every platform that Node runs on.
const ticksPerSecond = 100

/** CPU time of all threads, user and system. */
export function cpuSeconds(pid: number): number | undefined {
  const [utime, stime] = fields(pid, 11, 12)
  return utime === undefined || stime === undefined ? undefined : (utime + stime) / ticksPerSecond
}

/** Time that a core gave to any process, or that the hypervisor took from it. */
export function coreSeconds(core: string): number | undefined {
  const line = read('/proc/stat').match(new RegExp(`^cpu${core} (.*)$`, 'm'))?.[1]
  if (line === undefined) return undefined
  // Interrupts are left out: the kernel counts them under no process.
  const [user = 0, nice = 0, system = 0, , , , , steal = 0] = line.split(' ').map(Number)
  return (user + nice + system + steal) / ticksPerSecond
}

/** Memory that is the process's own, shared pages counted by their share. */
export function pssBytes(pid: number): number | undefined {
  const kib = /^Pss: +(\d+) kB$/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1]
  return kib === undefined ? undefined : Number(kib) * 1024
}

/** Waits until a process has done what is left to do after a load (rows to deliver, memory to tidy). */
export async function atRest(pid: number, clock: Clock): Promise<void> {
  const untilMs = clock.elapsed() + restMsMax
  let quiet = 0
  let before = cpuSeconds(pid)
  while (before !== undefined && quiet < 3 && clock.elapsed() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 250))
    const now = cpuSeconds(pid)
    quiet = now !== undefined && now - before <= 1 / ticksPerSecond ? quiet + 1 : 0
    before = now
  }
}

const restMsMax = 10_000

/** The processes whose command line holds `mark`. */
export function marked(mark: string): readonly number[] {
  return processes().filter((pid) => read(`/proc/${pid}/cmdline`).includes(mark))
}

/** Processes and all that they started, they themselves included. */
export function families(of: readonly number[]): readonly number[] {
  const found = new Set(of)
  const parents = new Map(processes().map((pid) => [pid, fields(pid, 1)[0]]))
  for (let size = -1; size !== found.size; ) {
    size = found.size
    for (const [child, parent] of parents) if (parent !== undefined && found.has(parent)) found.add(child)
  }
  return [...found]
}

function processes(): readonly number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0)
  } catch {
    return []
  }
}

/** Numbers of /proc/<pid>/stat, counted from the state: what stands before it may hold spaces and brackets. */
function fields(pid: number, ...places: readonly number[]): readonly (number | undefined)[] {
  const stat = read(`/proc/${pid}/stat`)
  const all = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return places.map((place) => (all[place] === undefined ? undefined : Number(all[place])))
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
