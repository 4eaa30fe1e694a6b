/** The keywords of JSON schema that are read here; every one may be missing, or be of some other type in bad schemas. */
interface Schema {
  readonly const?: unknown
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly examples?: readonly unknown[]
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly minItems?: number
  readonly items?: unknown
  readonly properties?: Readonly<Record<string, unknown>>
  readonly required?: readonly string[]
  readonly anyOf?: readonly unknown[]
  readonly oneOf?: readonly unknown[]
  readonly allOf?: readonly unknown[]
  readonly $ref?: string
}

/** Schemas may contain themselves, several times over: an example goes no deeper than this, and has no more values. */
const depthMax = 8
const valuesMax = 200

/** The whole schema, which references are into, and how many values may still be made. */
interface Scope {
  readonly root: unknown
  left: number
}

const formats: Readonly<Record<string, string>> = {
  date: '2026-01-01',
  'date-time': '2026-01-01T12:00:00Z',
  time: '12:00:00Z',
  email: 'ana@example.com',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
}

/** A plausible value of a JSON schema; always the same one. */
export function exampleOf(schema: unknown): unknown {
  return exampleIn(schema, 'value', { root: schema, left: valuesMax }, 0)
}

function exampleIn(unread: unknown, name: string, scope: Scope, depth: number): unknown {
  if (typeof unread !== 'object' || unread === null || depth > depthMax || scope.left-- <= 0) return null
  const schema = unread as Schema
  if (schema.const !== undefined) return schema.const
  if (schema.default !== undefined) return schema.default
  for (const choices of [schema.examples, schema.enum])
    if (Array.isArray(choices) && choices.length > 0) return choices[0]
  if (typeof schema.$ref === 'string') return exampleIn(resolved(schema.$ref, scope.root), name, scope, depth + 1)
  for (const branches of [schema.anyOf, schema.oneOf, schema.allOf]) {
    if (Array.isArray(branches) && branches.length > 0) return exampleIn(branches[0], name, scope, depth + 1)
  }
  return typedValue(schema, name, scope, depth)
}

function typedValue(schema: Schema, name: string, scope: Scope, depth: number): unknown {
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0]
  switch (type ?? (schema.properties === undefined ? 'string' : 'object')) {
    case 'object': {
      const properties = schema.properties ?? {}
      const named = Array.isArray(schema.required) ? schema.required : Object.keys(properties)
      return Object.fromEntries(named.map((key) => [key, exampleIn(properties[key] ?? {}, key, scope, depth + 1)]))
    }
    case 'array': {
      const length = Math.min(Math.max(1, schema.minItems ?? 1), 16)
      return Array.from({ length }, () => exampleIn(schema.items ?? {}, name, scope, depth + 1))
    }
    case 'integer':
      return Math.ceil(numberIn(schema))
    case 'number':
      return numberIn(schema)
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return textIn(schema, name)
  }
}

function numberIn({ minimum, exclusiveMinimum, maximum }: Schema): number {
  const least = minimum ?? (exclusiveMinimum === undefined ? 1 : exclusiveMinimum + 1)
  return maximum === undefined ? least : Math.min(least, maximum)
}

function textIn({ format, minLength, maxLength }: Schema, name: string): string {
  const text = formats[format ?? ''] ?? `example ${name}`
  return text.padEnd(Math.min(minLength ?? 0, 1_024), '.').slice(0, maxLength)
}

/** `#/$defs/city`, within the schema itself. */
function resolved(ref: string, root: unknown): unknown {
  let at = root
  for (const step of ref.split('/').slice(1)) {
    if (typeof at !== 'object' || at === null) return undefined
    at = (at as Readonly<Record<string, unknown>>)[step]
  }
  return at
}
