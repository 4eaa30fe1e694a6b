import { z } from 'zod'
import {
  atLeastOne,
  days,
  headerName,
  headerText,
  limitScope,
  milliseconds,
  modelName,
  modelPattern,
  moment,
  name,
  positive,
  priority,
  slug,
  timezone,
} from './scalars.ts'

/**
 * The configuration file, member by member: the shape of everything that can be declared, whether this release does it
 * or not (`later.ts` lists what it does not do yet). What concerns more than one member is in the `…-checks.ts`.
 * Nothing is transformed here, so the JSON schema made from it describes what people write.
 */
const limitSet = z.strictObject({
  rpm: atLeastOne.optional().describe('Requests in any 60 seconds.'),
  tpm: atLeastOne.optional().describe('Tokens in any 60 seconds, input and output together.'),
  rpd: atLeastOne.optional().describe('Requests in a calendar day.'),
  tpd: atLeastOne.optional().describe('Tokens in a calendar day, input and output together.'),
  concurrency: atLeastOne.optional().describe('Calls at the same time.'),
})

const modelList = z.union(
  [z.array(z.union([modelPattern, z.record(modelPattern, modelPattern)])).min(1), z.record(modelPattern, modelPattern)],
  { error: 'a list of model names, patterns with "*", and {alias: upstream-name}' },
)

const timeoutsMs = {
  connect_ms: milliseconds.describe('Time to reach the provider.'),
  first_byte_ms: milliseconds.describe("Time until the head of a stream's answer; other answers have total_ms."),
  first_token_ms: milliseconds.describe("Time until a stream's first content."),
  idle_ms: milliseconds.describe('Longest silence in a stream after its first content.'),
  total_ms: milliseconds.describe('Time for the whole call.'),
}

const wholePing = 'whole milliseconds, 0 to 86400000 (a day)'
const windowSeconds = 'whole seconds, 10 to 3600'
const percent = 'a percentage, 0 to 100'

function healthThresholds(value: z.ZodNumber, when: string, [degraded, warning, critical]: [number, number, number]) {
  return z
    .strictObject({
      degraded: value.default(degraded).describe(`${when} it is degraded.`),
      warning: value.default(warning).describe(`${when} there is a warning.`),
      critical: value.default(critical).describe(`${when} it is critical.`),
    })
    .prefault({})
    .describe(`${when} a connection is degraded, warning or critical.`)
}

const clientAbort = z.enum(['abort', 'drain'])

export const connectionSchema = z.strictObject({
  id: slug.describe('The name it has in rows, metrics, headers and limits.'),
  provider: z.string().describe('The preset that it starts from: address, authentication, dialects.'),
  base_url: z
    .string()
    .optional()
    .describe("Replaces the preset's address. https, unless allow_private_network is true."),
  api_version: name
    .optional()
    .describe('Of a provider that versions its API by a query parameter: the version to ask for.'),
  headers: z
    .record(headerName, headerText)
    .optional()
    .describe('Sent along with every request: a project, an organisation, a referrer.'),
  api_key: headerText.optional().describe(`The provider's credential; best taken from the environment: \${NAME}.`),
  priority: priority.default(10).describe('Lower is asked first.'),
  weight: positive.default(1).describe('Share of the traffic among connections of one priority.'),
  models: modelList
    .default(['*'])
    .describe('What clients may ask for here: names, patterns with "*", {alias: upstream-name}.'),
  status: z
    .enum(['active', 'inactive', 'draining'])
    .default('active')
    .describe('Only an active connection gets new calls; draining says that it is on its way out.'),
  limits: limitSet.optional().describe("The provider's own limits: calls go elsewhere before one is met."),
  track_usage: z
    .boolean()
    .nullable()
    .default(null)
    .describe('Whether rows carry user, feature, agent and the like; null: as the settings say.'),
  allow_private_network: z
    .boolean()
    .default(false)
    .describe('Allows http and addresses that are not public: models on machines of your own.'),
  timeouts: z.strictObject(timeoutsMs).partial().optional().describe("Replaces single ones of the settings' timeouts."),
  on_client_abort: clientAbort.optional().describe("Replaces the settings' on_client_abort."),
  retry_ambiguous: z.boolean().optional().describe("Replaces the settings' retry_ambiguous."),
})

export const organisationSchema = z.strictObject({
  id: slug.describe('The name it has in rows, keys and limits.'),
  name: name.optional().describe('How people call it.'),
  timezone: timezone.optional().describe('IANA time zone of its days and months; TOLLGATE_TIMEZONE without it.'),
  week_starts: z.enum(['monday', 'saturday', 'sunday']).default('monday').describe('First day of its weeks.'),
})

export const userSchema = z.strictObject({
  id: slug.describe('The name it has in rows and limits.'),
  org: slug.default('default').describe('The organisation it belongs to.'),
})

export const keySchema = z.strictObject({
  id: slug.describe('The name it has in rows and limits.'),
  secret: headerText
    .refine((text) => text.length >= 18, 'a text of 18 characters or more')
    .optional()
    .describe(`What clients send, 18 characters or more; best taken from the environment: \${NAME}.`),
  secret_sha256: z
    .string()
    .regex(/^(?:[0-9A-Fa-f]{64}|[A-Za-z0-9+/]{43}=?)$/, 'a SHA-256: 64 hexadecimal digits, or base64')
    .optional()
    .describe('Instead of the secret: its SHA-256, in hexadecimal or base64.'),
  org: slug.default('default').describe('The organisation of its calls.'),
  user: name.optional().describe('The user of its calls, unless they name another and may.'),
  feature: name.optional().describe('The feature of its calls, unless they name another and may.'),
  models: z
    .array(modelPattern)
    .min(1, 'a list of at least one model or pattern')
    .default(['*'])
    .describe('What it may ask for: names and patterns with "*".'),
  limits: limitSet.optional().describe('Limits on all of its calls together.'),
  allow_client_identity: z
    .boolean()
    .default(false)
    .describe('Whether a call may set user, feature, agent and the like by itself.'),
  passthrough: z.boolean().default(false).describe('Whether it may use /c/{connection}/….'),
  track_usage: z.boolean().nullable().default(null).describe("As a connection's track_usage, and before it."),
  expires_at: moment
    .optional()
    .describe("Refused from then on. A date is the beginning of that day in its organisation's time zone."),
})

const mode = z.enum(['hard', 'soft', 'shadow']).default('hard')

export const limitSchema = z.strictObject({
  scope: limitScope.describe(
    'Whom it limits: global, key:dev, org:…, user:…, feature:…, connection:…, model:…; user:* is each user by itself.',
  ),
  org: slug.optional().describe('Only users, features or keys of this organisation.'),
  ...limitSet.shape,
  mode: mode.describe('hard refuses, soft alerts, shadow counts what it would refuse.'),
})

const budgetSchema = z.strictObject({
  scope: limitScope.describe('Whose spending it bounds, as in a limit.'),
  org: slug.optional().describe('Only users, features or keys of this organisation.'),
  amount_usd: positive.describe('Dollars a period.'),
  period: z.enum(['daily', 'weekly', 'monthly', 'total']).describe('The calendar window it starts anew in.'),
  mode: mode.describe('hard refuses, soft alerts, shadow counts what it would refuse.'),
  alert_at: z
    .array(z.int().min(1, 'a whole percentage of 1 or more').max(1000, 'a percentage of 1000 at most'))
    .optional()
    .describe('Percentages of the amount that raise an alert.'),
})

const usageSink = 'postgres, or {jsonl: folder}'

const storeLoss = z.enum(['local', 'open', 'closed'])

export const settingsSchema = z.strictObject({
  track_usage: z.boolean().default(true).describe('Whether rows carry user, feature, agent and the like.'),
  budget_exceeded_status: z.literal([402, 429, 403]).optional().describe('HTTP status of a spent hard budget.'),
  on_store_loss: z
    .strictObject({
      rates: storeLoss.optional().describe('Limits, while their store is away.'),
      budgets: storeLoss.optional().describe('Budgets, while their store is away.'),
    })
    .optional()
    .describe('What limits and budgets do while their store is away.'),
  default_price_usd_per_mtok: z
    .number()
    .min(1e-6, 'a number of 0.000001 or more, for a model without a price is not free')
    .max(1e6, 'a number of 1000000 at most')
    .default(3)
    .describe('Dollars for a million tokens of a model without a price.'),
  unpriced_under_hard_budget: z
    .enum(['default', 'refuse'])
    .optional()
    .describe('Models without a price, under a hard budget.'),
  clamp_output: z
    .boolean()
    .optional()
    .describe('Whether the output cap is lowered to what a hard budget still pays for.'),
  on_client_abort: clientAbort
    .default('abort')
    .describe('A client gone in the middle of a stream: end it upstream, or read it to its end.'),
  charge_by: z
    .enum(['provider', 'price'])
    .default('provider')
    .describe("What a row charges: the provider's stated cost where there is one, or always the price book's."),
  charge_on_upstream_error: z
    .enum(['none', 'reported', 'estimated'])
    .default('reported')
    .describe('What an attempt that the provider broke is charged: nothing, the usage it stated, or an estimate.'),
  affinity: z
    .enum(['on', 'off'])
    .default('on')
    .describe('Whether calls of one session prefer one connection: prompt caches are worth money.'),
  ping_after_ms: z
    .int(wholePing)
    .min(0, wholePing)
    .max(86_400_000, wholePing)
    .default(10_000)
    .describe('Silence after which the client of a stream is sent ": ping", again and again; 0 is never.'),
  retry_ambiguous: z
    .boolean()
    .default(true)
    .describe('Whether a request that was sent and brought nothing back is tried again: it may be billed twice.'),
  health: z
    .strictObject({
      window_s: z
        .int(windowSeconds)
        .min(10, windowSeconds)
        .max(3_600, windowSeconds)
        .default(300)
        .describe('Seconds that success is looked at in, up to now.'),
      attempts_min: atLeastOne.default(5).describe('Attempts below which a success rate says nothing.'),
      success_percent: healthThresholds(
        z.number().min(0, percent).max(100, percent),
        'Below this success rate',
        [98, 90, 70],
      ),
      errors_in_a_row: healthThresholds(atLeastOne, 'From this many errors in a row', [1, 3, 10]),
    })
    .prefault({})
    .describe('What makes a connection degraded, warning or critical.'),
  passthrough_hold_usd: positive.optional().describe('Dollars that a passthrough call holds under a hard budget.'),
  timeouts: z
    .strictObject({
      connect_ms: timeoutsMs.connect_ms.default(5_000),
      first_byte_ms: timeoutsMs.first_byte_ms.default(60_000),
      first_token_ms: timeoutsMs.first_token_ms.default(300_000),
      idle_ms: timeoutsMs.idle_ms.default(300_000),
      total_ms: timeoutsMs.total_ms.default(600_000),
    })
    .prefault({})
    .describe('How long each step of a call may take.'),
  journal: z
    .strictObject({
      durability: z
        .enum(['process', 'machine'])
        .default('process')
        .describe(
          'What a row survives once its answer is out: the death of the process, or that of the machine too. Needs a restart.',
        ),
      on_loss: z
        .enum(['refuse', 'serve'])
        .default('refuse')
        .describe('Calls while the disk takes no rows: refused with a 503, or served, their rows at risk.'),
    })
    .prefault({})
    .describe('What becomes of usage rows before the database has them.'),
  usage_sinks: z
    .array(
      z.union(
        [z.literal('postgres'), z.strictObject({ jsonl: z.string().min(1, usageSink).describe('The folder.') })],
        { error: usageSink },
      ),
    )
    .default(['postgres'])
    .describe(
      'Where usage rows go: postgres, always, and a folder of JSONL files, relative to TOLLGATE_DATA_DIR. Needs a restart.',
    ),
  retention: z
    .strictObject({
      rows_days: days.default(90).describe('Days that usage rows are kept, today among them.'),
      rollups_days: days.default(1_100).describe('Days that sums are kept, no fewer than rows_days.'),
    })
    .prefault({})
    .describe('How long usage is kept.'),
})

export const fileSchema = z
  .strictObject({
    connections: z.array(connectionSchema).default([]).describe('Ways to providers.'),
    organisations: z.array(organisationSchema).default([]).describe('Tenants. One named default is always there.'),
    users: z.array(userSchema).default([]).describe('Users known beforehand; others are made on first use.'),
    keys: z.array(keySchema).default([]).describe('Keys that applications call with.'),
    limits: z.array(limitSchema).default([]).describe('Limits beyond those of connections and keys.'),
    budgets: z.array(budgetSchema).default([]).describe('Limits on money.'),
    models: z
      .record(modelName, z.array(modelName).min(1, 'a list of at least one model'))
      .default({})
      .describe('Virtual models: a name that clients may ask for, and the models behind it, fallbacks in order.'),
    settings: settingsSchema.prefault({}).describe('What holds for the whole installation.'),
  })
  .describe(
    `What a Tollgate installation declares. \${NAME} in a text is taken from the environment; $\${ is a plain \${.`,
  )

export type FileContent = z.output<typeof fileSchema>
export type ConnectionEntry = z.output<typeof connectionSchema>
export type OrganisationEntry = z.output<typeof organisationSchema>
export type UserEntry = z.output<typeof userSchema>
export type KeyEntry = z.output<typeof keySchema>
export type LimitEntry = z.output<typeof limitSchema>
export type LimitSet = z.output<typeof limitSet>
export type SettingsEntry = z.output<typeof settingsSchema>
