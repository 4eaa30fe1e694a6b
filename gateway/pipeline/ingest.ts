import { chargeOf } from '../domain/charge.ts'
import type { Connection } from '../domain/connection.ts'
import { type Day, dayMs } from '../domain/day.ts'
import type { Uuid } from '../domain/id.ts'
import { defaultOrg } from '../domain/key.ts'
import { withoutNames } from '../domain/nameless.ts'
import { stableUuidV7 } from '../domain/stable-id.ts'
import { isTracked, type Personal } from '../domain/tracking.ts'
import { totals } from '../domain/usage.ts'
import {
  ingestDialect,
  ingestEndpoint,
  ingestKeyId,
  type RecordProblem,
  type UsageRecord,
} from '../domain/usage-record.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import type { Journal } from '../journal/journal.ts'
import type { Gateway } from './gateway.ts'
import { reprice } from './reprice.ts'

export type Ingested =
  | { readonly ids: readonly Uuid[] }
  /** Nothing was taken. */
  | { readonly problems: readonly RecordProblem[] }

interface Books extends Pick<Gateway, 'catalog' | 'clock' | 'prices'> {
  readonly journal: Pick<Journal, 'take'>
  /** The first day whose rows the ledger takes, which is not always what is configured; `undefined` where it cannot say. */
  readonly rowsSince: () => Promise<Day | undefined>
}

/**
 * Takes usage from elsewhere into the ledger: all of it or none. A record becomes a row like any other, priced by when
 * it happened. Its id is made of its time, its organisation and the sender's name of it, so the same record is one row
 * however often it comes. With `dryRun` it is only said what is wrong. Throws `journal_unavailable` where the rows cannot be
 * written down.
 */
export async function ingest(records: readonly UsageRecord[], dryRun: boolean, gateway: Books): Promise<Ingested> {
  const connections = new Map(gateway.catalog.connections.map((connection) => [connection.id, connection]))
  const since = await gateway.rowsSince()
  const connectionOf = ({ connection = '' }: UsageRecord) => connections.get(connection)
  const problems = records.flatMap((record, index) =>
    problemsOf(record, connectionOf(record), since, gateway).map((problem) => ({ record: index, ...problem })),
  )
  if (problems.length > 0) return { problems }
  const rows = records.map((record) => rowOf(record, connectionOf(record), gateway))
  if (!dryRun) await gateway.journal.take(rows)
  return { ids: rows.map(({ id }) => id) }
}

/** Clocks differ. */
const aheadMs = 5 * 60_000

type Wrong = Omit<RecordProblem, 'record'>

/** What only those can tell who know the time and what is configured. */
function problemsOf(
  record: UsageRecord,
  connection: Connection | undefined,
  since: Day | undefined,
  { catalog, clock }: Books,
): readonly Wrong[] {
  const now = clock.now()
  const { rowsDays } = catalog.settings.retention
  const oldest = Math.floor(now / dayMs) * dayMs - (rowsDays - 1) * dayMs
  const key = record.key === undefined ? undefined : catalog.keyNamed(record.key)
  return [
    ...wrong(record.at > now + aheadMs, 'occurred_at', 'is more than 5 minutes ahead'),
    // Its partition is gone, and its day summed up.
    ...wrong(record.at < oldest, 'occurred_at', `is older than the ${rowsDays} days that rows are kept`),
    // More were dropped than had to be, or the setting was a lower one.
    ...wrong(
      since !== undefined && record.at >= oldest && record.at < Date.parse(since),
      'occurred_at',
      `is before ${since}: older rows were deleted`,
    ),
    ...wrong(
      key !== undefined && record.org !== undefined && record.org !== key.org,
      'org',
      `is not the organisation of the key ${key?.id}, which is ${key?.org}`,
    ),
    ...wrong(
      record.model !== undefined && record.provider === undefined && connection === undefined,
      'provider',
      'is missing, and so is a connection that is configured here: a model has its price at a provider',
    ),
  ]
}

function wrong(is: boolean, member: string, message: string): readonly Wrong[] {
  return is ? [{ member, message }] : []
}

function rowOf(record: UsageRecord, connection: Connection | undefined, gateway: Books): UsageRow {
  const { catalog, prices } = gateway
  const { settings } = catalog
  const key = record.key === undefined ? undefined : catalog.keyNamed(record.key)
  const levels = { request: undefined, key: key?.trackUsage, connection: connection?.trackUsage }
  const tracked = isTracked({ ...levels, installation: settings.trackUsage })
  const org = record.org ?? key?.org ?? defaultOrg
  const id = stableUuidV7(record.at, JSON.stringify([org, record.id]))
  const { usage, providerCost } = record
  const { input, cached, cacheWrite, output, reasoning, total } = totals(usage ?? {})
  const status = record.success ? 'complete' : 'failed'
  const usageSource = usage === undefined && providerCost === undefined ? 'none' : 'provider'
  const named = namedIn(record)
  const said = (text: string | undefined) =>
    tracked || text === undefined ? text : withoutNames(text, Object.values(named))
  const row: UsageRow = {
    id,
    call_id: id,
    attempt: 1,
    calls: 1,
    revision: 2,
    org_id: org,
    key_id: record.key ?? ingestKeyId,
    ...(tracked && named),
    framework: record.framework,
    request_type: record.requestType,
    dialect: ingestDialect,
    endpoint: ingestEndpoint,
    stream: record.stream,
    requested_model: record.model ?? '',
    connection_id: record.connection,
    provider: record.provider ?? connection?.provider,
    model: record.model,
    service_tier: record.serviceTier,
    input_tokens: input,
    cached_input_tokens: cached,
    cache_write_tokens: cacheWrite,
    output_tokens: output,
    reasoning_tokens: reasoning,
    total_tokens: total,
    parts: usage,
    usage_source: usageSource,
    // Where no price can be found by a model; else pricing says better.
    charge_nano_usd: chargeOf({ status, usageSource, cost: undefined, providerCost }, settings),
    provider_cost_nano_usd: providerCost,
    success: record.success,
    status,
    http_status: record.httpStatus,
    error_code: said(record.errorCode),
    error_message: said(record.errorMessage),
    response_time_ms: record.responseTimeMs,
    first_token_ms: record.firstTokenMs,
    tracked,
  }
  return reprice(row, prices, settings)
}

/** Who it was for. */
function namedIn(record: UsageRecord): Personal {
  return {
    user_id: record.user,
    feature: record.feature,
    agent_id: record.agent,
    agent_name: record.agentName,
    session_id: record.session,
    group_name: record.group,
    metadata: record.metadata,
  }
}
