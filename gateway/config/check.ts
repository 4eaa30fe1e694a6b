import { checkConnections } from './connection-checks.ts'
import type { ConfigDocument } from './document.ts'
import { shape, told } from './file-problems.ts'
import type { FileContent } from './file-schema.ts'
import type { Surroundings } from './finding.ts'
import { checkHealth } from './health-checks.ts'
import { checkKeys } from './key-checks.ts'
import { laterMembers } from './later.ts'
import { checkLimits } from './limit-checks.ts'
import { checkModels } from './model-checks.ts'
import { onePerPath, type Problem, pathOf } from './problem.ts'
import { sectionsOf } from './sections.ts'

export interface Checked {
  /** `undefined` where it is out of shape. */
  readonly content: FileContent | undefined
  /** In the order of the document; one for each member, the first thing that is wrong with it. */
  readonly problems: readonly Problem[]
}

/** Everything that is wrong with a document, from a misspelt member to two that do not go together. */
export function check(
  document: ConfigDocument,
  { providers, builtIn }: Pick<Surroundings, 'providers' | 'builtIn'>,
): Checked {
  if (document.value === undefined) return { content: undefined, problems: document.problems }
  const { value, content, problems } = shape(document)
  const around: Surroundings = {
    providers,
    builtIn,
    written: (steps) => document.written(steps) !== undefined,
    told: (steps) => told(steps, value, document),
    where: (steps) => {
      const { file, line, column } = document.place(steps)
      return `${file}:${line}:${column}`
    },
  }
  const sections = sectionsOf(value)
  const findings = [
    ...laterMembers(value),
    ...checkConnections(sections, around),
    ...checkKeys(sections, around),
    ...checkLimits(sections, around),
    ...checkModels(sections, around),
    ...checkHealth(value, around),
  ].map(({ steps, message }) => ({ path: pathOf(steps), message, place: document.place(steps) }))
  return { content, problems: inOrder([...document.problems, ...problems, ...findings]) }
}

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const line = ({ place }: Problem) => place?.line ?? 0
  const column = ({ place }: Problem) => place?.column ?? 0
  return onePerPath(problems).toSorted((a, b) => line(a) - line(b) || column(a) - column(b))
}
