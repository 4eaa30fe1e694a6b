import type { Fault } from '../domain/fault.ts'
import type { Identity } from '../domain/key.ts'
import { withoutNames } from '../domain/nameless.ts'
import { isTracked, type Personal } from '../domain/tracking.ts'
import type { RowFlag, UsageRow } from '../domain/usage-row.ts'
import type { Attempt, Entry, RefusedCall } from './entry.ts'
import { tokensByBytes } from './estimate.ts'
import type { Gateway } from './gateway.ts'
import { overheadBeforeMs } from './overhead.ts'
import { type Cost, priceUsage } from './price.ts'

// Rows are made on every call, so each is one literal: members that are undefined are left out by JSON, not by us.

/** What an identity says of somebody or something in particular: nothing, in the row of a call that is not tracked. */
type Named = Omit<Identity, 'org' | 'framework' | 'requestType' | 'tracked'>
const untracked: Named = {}

/** What an error says, to a row that names nobody. */
function anonymous(text: string | undefined, named: Named, bodyUser?: string): string | undefined {
  return text === undefined ? undefined : withoutNames(text, [...Object.values(personalIn(named)), bodyUser])
}

function personalIn({ user, feature, agent, agentName, session, group, metadata }: Named): Personal {
  return {
    user_id: user,
    feature,
    agent_id: agent,
    agent_name: agentName,
    session_id: session,
    group_name: group,
    metadata,
  }
}

/** Attempts of one call may differ: each is at a connection that has its own say. */
function isTrackedAt({ call, catalog }: Entry, { candidate: { connection } }: Attempt): boolean {
  const { identity, key } = call
  const { trackUsage: installation } = catalog.settings
  return isTracked({ request: identity.tracked, key: key.trackUsage, connection: connection.trackUsage, installation })
}

/** What a restart would know of an attempt that was sent and never came back: its input, and of its output what progress says. */
export function openRow(entry: Entry, attempt: Attempt, gateway: Gateway): UsageRow {
  const input = tokensByBytes(entry.call.body.bytes.length)
  const cost = priceUsage(entry, attempt, { usage: { input, output: 0 }, source: 'counted' }, gateway)
  return attemptRow(entry, attempt, cost, { revision: 0, success: false, status: 'orphan', flags: flagsOf(cost) })
}

/** The row of an attempt that has ended. */
export function rowOf(entry: Entry, attempt: Attempt, cost: Cost, revision: 1 | 2, finishedMs: number): UsageRow {
  const { outcome, sentMs } = attempt
  if (!outcome) throw new Error('an attempt has no outcome')
  const { reading, firstTokenMs } = outcome
  return attemptRow(entry, attempt, cost, {
    revision,
    success: outcome.status === 'complete',
    status: outcome.status,
    usage_raw: reading.raw,
    finish_reason: reading.finish,
    service_tier: reading.serviceTier,
    provider_cost_nano_usd: reading.providerCost,
    // Who states what was used has billed that.
    flags: flagsOf(cost, reading.source === 'none' && outcome.maybeBilled),
    http_status: outcome.httpStatus,
    error_code: outcome.errorCode,
    error_message: outcome.errorMessage,
    response_time_ms: Math.round(outcome.endedMs - sentMs),
    first_token_ms: firstTokenMs === undefined ? undefined : Math.round(firstTokenMs - sentMs),
    overhead_ms: overheadOf(entry, attempt, finishedMs - outcome.endedMs),
    upstream_request_id: outcome.upstreamRequestId,
  })
}

type Outcomes = Pick<UsageRow, 'revision' | 'success' | 'status'> & Partial<UsageRow>

function attemptRow(entry: Entry, attempt: Attempt, cost: Cost, outcomes: Outcomes): UsageRow {
  const { call, attempts } = entry
  const { id, number, candidate } = attempt
  const { identity, asked } = call
  const tracked = isTrackedAt(entry, attempt)
  const named: Named = tracked ? identity : untracked
  const { connection, model } = candidate
  const { input, cached, cacheWrite, output, reasoning, total } = cost.totals
  return {
    id,
    call_id: call.id,
    attempt: number,
    // The last one there is, or the next one, which is being written down.
    calls: number >= attempts.length ? 1 : 0,
    org_id: identity.org,
    key_id: call.key.id,
    ...personalIn(named),
    framework: identity.framework,
    request_type: identity.requestType,
    dialect: call.dialect,
    endpoint: call.endpoint,
    stream: asked.stream,
    requested_model: asked.model,
    connection_id: connection.id,
    provider: connection.provider,
    model,
    input_tokens: input,
    cached_input_tokens: cached,
    cache_write_tokens: cacheWrite,
    output_tokens: output,
    reasoning_tokens: reasoning,
    total_tokens: total,
    parts: cost.usageSource === 'none' ? undefined : cost.usage,
    usage_source: cost.usageSource,
    cost_nano_usd: cost.cost,
    charge_nano_usd: cost.charge,
    price_status: cost.priceStatus,
    price_version_id: cost.priceVersionId,
    rates: cost.rates,
    tracked,
    ...outcomes,
    error_code: tracked ? outcomes.error_code : anonymous(outcomes.error_code, identity, asked.user),
    error_message: tracked ? outcomes.error_message : anonymous(outcomes.error_message, identity, asked.user),
  }
}

function flagsOf({ flags }: Cost, maybeBilled = false): readonly RowFlag[] | undefined {
  if (maybeBilled) return [...flags, 'maybe_billed']
  return flags.length > 0 ? flags : undefined
}

/** What the gateway itself took: before the attempt was sent, and after its last byte came. */
function overheadOf(entry: Entry, attempt: Attempt, afterMs: number): number {
  return Math.round((overheadBeforeMs(entry, attempt) + afterMs) * 1000) / 1000
}

/** The row of a refusal. It used and cost nothing. `refusals` is how many it stands for. */
export function refusalRow(refused: RefusedCall, fault: Fault, refusals: number): UsageRow {
  const { key, identity, tracked } = refused
  const named: Named = tracked ? identity : untracked
  return {
    id: refused.id,
    call_id: refused.id,
    attempt: 0,
    calls: refusals,
    revision: 2,
    org_id: identity.org,
    key_id: key.id,
    ...personalIn(named),
    framework: identity.framework,
    request_type: identity.requestType,
    metadata: refusals > 1 ? { ...named.metadata, refusals } : named.metadata,
    dialect: refused.dialect,
    endpoint: refused.endpoint,
    stream: refused.stream,
    requested_model: refused.model,
    usage_source: 'none',
    cost_nano_usd: 0,
    charge_nano_usd: 0,
    success: false,
    status: fault.code === 'client_closed' ? 'client_closed' : 'refused',
    http_status: fault.status,
    error_code: fault.code,
    error_message: tracked ? fault.message : anonymous(fault.message, identity),
    tracked,
  }
}
