import type { z } from 'zod'
import { type ConfigDocument, type Steps, valueAt } from './document.ts'
import { expectedWord } from './expected-word.ts'
import { type FileContent, fileSchema } from './file-schema.ts'
import type { Finding } from './finding.ts'
import { configSchema } from './json-schema.ts'
import { didYouMean, kindOf, shown } from './problem.ts'

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
  readonly findings: readonly Finding[]
}

export function shape(document: ConfigDocument): Shaped {
  const first = fileSchema.safeParse(document.value, { error: expectedWord })
  if (first.success) return { value: document.value, content: first.data, findings: [] }
  const value = typed(first.error.issues, document)
  const second = fileSchema.safeParse(value, { error: expectedWord })
  const findings = (second.error?.issues ?? []).flatMap((issue) => findingsOf(issue, value, document))
  return { value, content: second.data, findings }
}

/** The environment has only texts: `rpm: ${RPM}` means the number in it. What is quoted in the file stays a text. */
function typed(issues: readonly z.core.$ZodIssue[], document: ConfigDocument): unknown {
  const meant = issues.flatMap((issue) => {
    const value = meantBy(issue, document)
    return value === undefined ? [] : [{ steps: issue.path, value }]
  })
  if (meant.length === 0) return document.value
  const whole: unknown = structuredClone(document.value)
  for (const { steps, value } of meant) {
    const around = valueAt(whole, steps.slice(0, -1))
    const member = steps.at(-1)
    if (typeof around === 'object' && around !== null && member !== undefined) Reflect.set(around, member, value)
  }
  return whole
}

function meantBy(issue: z.core.$ZodIssue, document: ConfigDocument): boolean | number | undefined {
  const text = valueAt(document.value, issue.path)
  if (issue.code !== 'invalid_type' || typeof text !== 'string') return undefined
  if (!document.written(issue.path)?.variables.length) return undefined
  if (issue.expected === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  const numeric = (issue.expected === 'number' || issue.expected === 'int') && /^-?\d+(\.\d+)?$/.test(text)
  return numeric ? Number(text) : undefined
}

function findingsOf(issue: z.core.$ZodIssue, value: unknown, document: ConfigDocument): readonly Finding[] {
  const { path } = issue
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const message = () => {
        const known = membersOf(path)
        return `not a member${didYouMean(key, known) || `; known here: ${known.join(', ')}`}`
      }
      return { steps: [...path, key], part: 'key', message }
    })
  }
  if (issue.code === 'invalid_key') {
    const message = () => `found the name ${shown(path.at(-1))}, expected ${issue.issues[0]?.message ?? issue.message}`
    return [{ steps: path, part: 'key', message }]
  }
  return [{ steps: path, message: () => `found ${told(path, value, document)}, expected ${issue.message}` }]
}

/** A member's value as it may be told: not what is secret, nor what came from the environment, where secrets are. */
export function told(steps: Steps, whole: unknown, document: ConfigDocument): string {
  const value = valueAt(whole, steps)
  const variables = document.written(steps)?.variables ?? []
  if (variables.length > 0) return `${kindOf(value)} from ${variables.join(', ')}`
  return isSecret(steps) ? kindOf(value) : shown(value)
}

let schema: unknown

/** The members that the schema knows at a place of the file. */
function membersOf(steps: Steps): readonly string[] {
  schema ??= configSchema()
  let at: unknown = schema
  for (const step of steps) at = typeof step === 'number' ? valueAt(at, ['items']) : valueAt(at, ['properties', step])
  const properties = valueAt(at, ['properties'])
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
}
