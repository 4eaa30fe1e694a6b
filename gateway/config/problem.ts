/** One mistake in the configuration, and where it stands. `message` says what was found and what was expected. */
export interface Problem {
  /** A variable (`PORT`), or a member of the file (`keys[0].secret`; empty for the file itself). */
  readonly path: string
  readonly message: string
  /** Where in the file; absent for a variable. */
  readonly place?: Place
}

export interface Place {
  /** As people name it: relative to where the process was started. */
  readonly file: string
  readonly line: number
  readonly column: number
}

/** As many of a file's problems are told; the rest is counted. */
export const problemsMax = 100

/** The configuration cannot be used: everything that is wrong with it, at once. Holds no secret value. */
export class ConfigurationError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const lines = problems.map((problem) => `  ${describe(problem)}`)
    super([`the configuration has ${countOf(problems)}:`, ...lines].join('\n'))
    this.name = 'ConfigurationError'
    this.problems = problems
  }
}

function countOf({ length }: readonly Problem[]): string {
  if (length === 1) return 'a problem'
  return length > problemsMax ? `more than ${problemsMax} problems` : `${length} problems`
}

/** `tollgate.yaml:4:13 connections[0].provider: found …, expected …` */
export function describe({ path, message, place }: Problem): string {
  const where =
    place === undefined ? path : `${place.file}:${place.line}:${place.column}${path === '' ? '' : ` ${path}`}`
  return `${where}: ${message}`
}

/** What is wrong first with each variable or member: the rest mostly follows from it. */
export function onePerPath<P extends Pick<Problem, 'path'>>(problems: readonly P[]): readonly P[] {
  const first = new Map<string, P>()
  for (const problem of problems) if (!first.has(problem.path)) first.set(problem.path, problem)
  return [...first.values()]
}

/** A member's path as people write it: `models["gpt-4.1"][0]`. */
export function pathOf(steps: readonly PropertyKey[]): string {
  return steps.reduce<string>((path, step) => {
    if (typeof step === 'number') return `${path}[${step}]`
    const name = String(step)
    if (!/^[A-Za-z_][\w-]*$/.test(name)) return `${path}[${JSON.stringify(name)}]`
    return path === '' ? name : `${path}.${name}`
  }, '')
}

/**
 * A value as it stands in a report: on one line, with nothing in it that a terminal would obey, and not told where it is
 * as long as secrets are: people paste them into the wrong member.
 */
export function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value !== 'string' || value.length >= 32) return kindOf(value)
  return JSON.stringify(value)
}

/** What kind of value it is, where the value itself must not be told. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'an empty value'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'string') return value === '' ? 'an empty text' : `a text of ${value.length} characters`
  return typeof value === 'object' ? 'a mapping' : `a ${typeof value}`
}

/** The known name that a misspelt one is closest to, where it is close: `; did you mean "priority"?` */
export function didYouMean(written: string, known: Iterable<string>): string {
  let best: string | undefined
  let least = Math.min(3, Math.floor(written.length / 3) + 1)
  for (const name of known) {
    const distance = editDistance(plain(written), plain(name))
    if (distance < least) {
      best = name
      least = distance
    }
  }
  return best === undefined ? '' : `; did you mean ${JSON.stringify(best)}?`
}

// `apiKey`, `api-key` and `API_KEY` all mean `api_key`.
function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '')
}

/** Insertions, deletions, replacements and swaps of neighbours between two words. */
export function editDistance(a: string, b: string): number {
  // What clients and files call things has no bound; a row of the table is as long as the word.
  if (Math.abs(a.length - b.length) > 8 || a.length > 64) return Number.POSITIVE_INFINITY
  let older: readonly number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, at(older, j - 2) + 1)
      row.push(cost)
    }
    older = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
