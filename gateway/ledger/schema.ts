import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  doublePrecision,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

/** The tables as `migrations/` makes them; a test compares the two. Partitions and checks stand in the SQL alone. */
const tollgate = pgSchema('tollgate')

const count = () => bigint({ mode: 'number' })
const instant = () => timestamp({ withTimezone: true })

/** One row per attempt: the members of `UsageRow`, and when. */
export const usage = tollgate.table(
  'usage',
  {
    id: uuid().notNull(),
    started_at: instant().notNull(),
    call_id: uuid().notNull(),
    attempt: integer().notNull(),
    revision: smallint().notNull(),
    org_id: text().notNull(),
    key_id: text().notNull(),
    user_id: text(),
    feature: text(),
    agent_id: text(),
    agent_name: text(),
    framework: text(),
    request_type: text(),
    session_id: text(),
    group_name: text(),
    metadata: jsonb(),
    dialect: text().notNull(),
    endpoint: text().notNull(),
    stream: boolean().notNull(),
    requested_model: text().notNull(),
    connection_id: text(),
    provider: text(),
    model: text(),
    service_tier: text(),
    input_tokens: count(),
    cached_input_tokens: count(),
    cache_write_tokens: count(),
    output_tokens: count(),
    reasoning_tokens: count(),
    total_tokens: count().generatedAlwaysAs(sql`input_tokens + output_tokens, what is known of them`),
    parts: jsonb(),
    usage_source: text().notNull(),
    usage_raw: jsonb(),
    finish_reason: text(),
    cost_nano_usd: count(),
    charge_nano_usd: count(),
    overrun_nano_usd: count(),
    provider_cost_nano_usd: count(),
    price_status: text(),
    price_version_id: text(),
    rates: jsonb(),
    success: boolean().notNull(),
    status: text().notNull(),
    flags: text().array().notNull(),
    http_status: integer(),
    error_code: text(),
    error_message: text(),
    response_time_ms: doublePrecision(),
    first_token_ms: doublePrecision(),
    overhead_ms: doublePrecision(),
    tracked: boolean().notNull(),
    upstream_request_id: text(),
    inserted_at: instant().notNull().defaultNow(),
    calls: integer().notNull().default(1),
    budgets: jsonb(),
  },
  (table) => [primaryKey({ columns: [table.started_at, table.id] })],
)

/** Requests and tokens a minute, and calls at a time. */
export interface SubjectLimits {
  readonly rpm?: number
  readonly tpm?: number
  readonly concurrency?: number
}

export const keys = tollgate.table('keys', {
  id: uuid().primaryKey(),
  slug: text().notNull().unique(),
  secretSha256: text('secret_sha256').notNull().unique(),
  hint: text().notNull(),
  orgId: text('org_id').notNull(),
  userId: text('user_id'),
  feature: text(),
  models: text().array().notNull(),
  allowClientIdentity: boolean('allow_client_identity').notNull().default(false),
  limits: jsonb().$type<SubjectLimits>().notNull().default({}),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  expiresAt: timestamp('expires_at', { withTimezone: true }),
  revokedAt: timestamp('revoked_at', { withTimezone: true }),
  trackUsage: boolean('track_usage'),
})

/** Names, patterns with `*`, and `{alias: upstream-name}`, as in the configuration file. */
export type StoredModels = readonly (string | Readonly<Record<string, string>>)[]

export const connections = tollgate.table('connections', {
  id: uuid().primaryKey(),
  slug: text().notNull(),
  name: text(),
  provider: text().notNull(),
  baseUrl: text('base_url'),
  sealedApiKey: text('sealed_api_key'),
  keyHint: text('key_hint'),
  apiVersion: text('api_version'),
  headers: jsonb().$type<Readonly<Record<string, string>>>().notNull().default({}),
  priority: integer().notNull().default(10),
  weight: doublePrecision().notNull().default(1),
  models: jsonb().$type<StoredModels>().notNull().default(['*']),
  status: text().$type<'active' | 'inactive' | 'draining'>().notNull().default('active'),
  limits: jsonb().$type<SubjectLimits>().notNull().default({}),
  allowPrivateNetwork: boolean('allow_private_network').notNull().default(false),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
  deletedAt: timestamp('deleted_at', { withTimezone: true }),
  trackUsage: boolean('track_usage'),
})

/** One row: the version of everything that the catalog is made of here. */
export const catalogState = tollgate.table('catalog_state', {
  one: boolean().primaryKey().default(true),
  version: bigint({ mode: 'bigint' }).notNull(),
})

export const secrets = tollgate.table('secrets', {
  name: text().primaryKey(),
  sealed: text().notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
})
