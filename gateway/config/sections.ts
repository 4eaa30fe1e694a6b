import { z } from 'zod'
import { type Steps, valueAt } from './document.ts'
import {
  type ConnectionEntry,
  connectionSchema,
  fileSchema,
  type KeyEntry,
  keySchema,
  type LimitEntry,
  limitSchema,
  type OrganisationEntry,
  organisationSchema,
  type UserEntry,
  userSchema,
} from './file-schema.ts'

/** One entry of a list, and where it stands. */
export interface Placed<Entry> {
  readonly steps: Steps
  readonly entry: Entry
}

// Others may refer to an id that is out of shape, and what else is wrong with its entry should be told as well.
const anyId = z.string().catch('')

/** What the file declares, as far as it is in shape: a mistake in one member must not hide what is wrong with others. */
export interface Sections {
  readonly connections: readonly Placed<ConnectionEntry>[]
  readonly organisations: readonly Placed<OrganisationEntry>[]
  readonly users: readonly Placed<UserEntry>[]
  readonly keys: readonly Placed<KeyEntry>[]
  readonly limits: readonly Placed<LimitEntry>[]
  /** Virtual models. */
  readonly models: readonly Placed<readonly string[]>[]
}

export function sectionsOf(value: unknown): Sections {
  return {
    connections: entries(value, 'connections', connectionSchema.extend({ id: anyId })),
    organisations: entries(value, 'organisations', organisationSchema.extend({ id: anyId })),
    users: entries(value, 'users', userSchema.extend({ id: anyId })),
    keys: entries(value, 'keys', keySchema.extend({ id: anyId })),
    limits: entries(value, 'limits', limitSchema),
    models: virtualModels(value),
  }
}

function entries<Schema extends z.ZodType>(
  value: unknown,
  list: string,
  schema: Schema,
): readonly Placed<z.output<Schema>>[] {
  const items = valueAt(value, [list])
  if (!Array.isArray(items)) return []
  return items.flatMap((item: unknown, index) => {
    const entry = salvaged(item, schema)
    return entry === undefined ? [] : [{ steps: [list, index], entry }]
  })
}

/** The entry without the members that are out of shape; `undefined` where it cannot do without them. */
function salvaged<Schema extends z.ZodType>(item: unknown, schema: Schema): z.output<Schema> | undefined {
  const whole = schema.safeParse(item)
  if (whole.success) return whole.data
  if (typeof item !== 'object' || item === null) return undefined
  const wrong = new Set(
    whole.error.issues.flatMap((issue) =>
      issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : issue.path.slice(0, 1),
    ),
  )
  const rest = Object.fromEntries(Object.entries(item).filter(([member]) => !wrong.has(member)))
  return schema.safeParse(rest).data
}

function virtualModels(value: unknown): readonly Placed<readonly string[]>[] {
  const models = valueAt(value, ['models'])
  if (typeof models !== 'object' || models === null) return []
  return Object.entries(models).flatMap(([name, members]) =>
    fileSchema.shape.models.safeParse({ [name]: members }).success ? [{ steps: ['models', name], entry: members }] : [],
  )
}
