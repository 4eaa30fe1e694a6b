import { checkConnections } from './connection-checks.ts'
import type { ConfigDocument } from './document.ts'
import { shape, told } from './file-problems.ts'
import type { FileContent } from './file-schema.ts'
import { namesIn, type Surroundings } from './finding.ts'
import { checkHealth } from './health-checks.ts'
import { checkKeys } from './key-checks.ts'
import { laterMembers } from './later.ts'
import { checkLimits } from './limit-checks.ts'
import { checkModels } from './model-checks.ts'
import { onePerPath, type Problem, pathOf, problemsMax } from './problem.ts'
import { sectionsOf } from './sections.ts'
import { checkUsage } from './usage-checks.ts'

export interface Checked {
  /** `undefined` where it is out of shape. */
  readonly content: FileContent | undefined
  /** In the order of the document, at most `problemsMax` and a last one that says how many more there are. */
  readonly problems: readonly Problem[]
}

/** Everything that is wrong with a document, from a misspelt member to two that do not go together. */
export function check(
  document: ConfigDocument,
  { providers, builtIn }: Pick<Surroundings, 'providers' | 'builtIn'>,
): Checked {
  if (document.value === undefined) return { content: undefined, problems: document.problems }
  const { value, content, findings } = shape(document)
  const sections = sectionsOf(value)
  const around: Surroundings = {
    providers,
    builtIn,
    names: namesIn(sections, builtIn),
    written: (steps) => document.written(steps) !== undefined,
    told: (steps) => told(steps, value, document),
    where: (steps) => {
      const { file, line, column } = document.place(steps)
      return `${file}:${line}:${column}`
    },
  }
  const all = [
    ...findings,
    ...laterMembers(value),
    ...checkConnections(sections, around),
    ...checkKeys(sections, around),
    ...checkLimits(sections, around),
    ...checkModels(sections, around),
    ...checkHealth(value, around),
    ...checkUsage(value, around),
  ].map(({ steps, part, message }) => ({ path: pathOf(steps), message, place: document.place(steps, part) }))
  return { content, problems: reported([...document.problems, ...all]) }
}

interface Unsaid extends Omit<Problem, 'message'> {
  readonly message: string | (() => string)
}

/** The first of them in words. A file can have more mistakes than anybody reads, each with a guess at what was meant. */
function reported(unsaid: readonly Unsaid[]): readonly Problem[] {
  const line = ({ place }: Unsaid) => place?.line ?? 0
  const column = ({ place }: Unsaid) => place?.column ?? 0
  const all = onePerPath(unsaid).toSorted((a, b) => line(a) - line(b) || column(a) - column(b))
  const said = all.slice(0, problemsMax).map((problem): Problem => {
    const { message } = problem
    return { ...problem, message: typeof message === 'string' ? message : message() }
  })
  const rest = all.length - problemsMax
  return rest <= 0 ? said : [...said, { ...all[problemsMax], path: '', message: `and ${rest} more from here on` }]
}
