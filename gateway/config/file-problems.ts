import type { z } from 'zod'
import { type ConfigDocument, type Steps, valueAt } from './document.ts'
import { expectedWord } from './expected-word.ts'
import { type FileContent, fileSchema } from './file-schema.ts'
import { configSchema } from './json-schema.ts'
import { didYouMean, kindOf, type Problem, pathOf, shown } from './problem.ts'

const secretMembers: ReadonlySet<PropertyKey | undefined> = new Set(['api_key', 'secret', 'secret_sha256'])

/** Whether a member's value is never told. Headers of a connection may hold a credential as well. */
export function isSecret(steps: Steps): boolean {
  return secretMembers.has(steps.at(-1)) || (steps[0] === 'connections' && steps.at(2) === 'headers')
}

/** The file's content in shape, or what is out of shape. */
export interface Shaped {
  /** As written, but for texts from the environment where a number or a claim was expected. */
  readonly value: unknown
  readonly content: FileContent | undefined
  readonly problems: readonly Problem[]
}

export function shape(document: ConfigDocument): Shaped {
  const first = fileSchema.safeParse(document.value, { error: expectedWord })
  if (first.success) return { value: document.value, content: first.data, problems: [] }
  const value = first.error.issues.reduce((whole, issue) => typed(whole, issue, document), document.value)
  const second = fileSchema.safeParse(value, { error: expectedWord })
  const problems = (second.error?.issues ?? []).flatMap((issue) => problemsOf(issue, value, document))
  return { value, content: second.data, problems }
}

/** The environment has only texts: `rpm: ${RPM}` means the number in it. What is quoted in the file stays a text. */
function typed(whole: unknown, issue: z.core.$ZodIssue, document: ConfigDocument): unknown {
  const text = valueAt(whole, issue.path)
  if (issue.code !== 'invalid_type' || typeof text !== 'string' || !document.written(issue.path)?.variables.length)
    return whole
  if (issue.expected === 'boolean' && (text === 'true' || text === 'false'))
    return replaced(whole, issue.path, text === 'true')
  const numeric = (issue.expected === 'number' || issue.expected === 'int') && /^-?\d+(\.\d+)?$/.test(text)
  return numeric ? replaced(whole, issue.path, Number(text)) : whole
}

function problemsOf(issue: z.core.$ZodIssue, value: unknown, document: ConfigDocument): readonly Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = membersOf(issue.path)
    return issue.keys.map((key) => {
      const steps = [...issue.path, key]
      const guess = didYouMean(key, known) || `; known here: ${known.join(', ')}`
      return { path: pathOf(steps), message: `not a member${guess}`, place: document.place(steps, 'key') }
    })
  }
  if (issue.code === 'invalid_key') {
    const message = `found the name ${shown(issue.path.at(-1))}, expected ${issue.issues[0]?.message ?? issue.message}`
    return [{ path: pathOf(issue.path), message, place: document.place(issue.path, 'key') }]
  }
  const message = `found ${told(issue.path, value, document)}, expected ${issue.message}`
  return [{ path: pathOf(issue.path), message, place: document.place(issue.path) }]
}

/** A member's value as it may be told: not what is secret, nor what came from the environment, where secrets are. */
export function told(steps: Steps, whole: unknown, document: ConfigDocument): string {
  const value = valueAt(whole, steps)
  const variables = document.written(steps)?.variables ?? []
  if (variables.length > 0) return `${kindOf(value)} from ${variables.join(', ')}`
  return isSecret(steps) ? kindOf(value) : shown(value)
}

/** The members that the schema knows at a place of the file. */
function membersOf(steps: Steps): readonly string[] {
  let at: unknown = configSchema()
  for (const step of steps) at = typeof step === 'number' ? valueAt(at, ['items']) : valueAt(at, ['properties', step])
  const properties = valueAt(at, ['properties'])
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
}

function replaced(whole: unknown, steps: Steps, value: unknown): unknown {
  const [step, ...rest] = steps
  if (step === undefined) return value
  if (Array.isArray(whole)) return whole.map((item, index) => (index === step ? replaced(item, rest, value) : item))
  return { ...(whole as object), [step]: replaced(valueAt(whole, [step]), rest, value) }
}
