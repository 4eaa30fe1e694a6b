import type { Call } from '../domain/call.ts'
import type { Fault } from '../domain/fault.ts'
import type { Identity, Key } from '../domain/key.ts'
import { totals } from '../domain/usage.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import type { Attempt, Entry, RefusedCall } from './entry.ts'
import type { Gateway } from './gateway.ts'
import { type Cost, priceUsage } from './price.ts'

/** What every row of a call has in common. */
function callColumns(call: Call) {
  return {
    call_id: call.id,
    ...identityColumns(call.key, call.identity),
    dialect: call.dialect,
    endpoint: call.endpoint,
    stream: call.asked.stream,
    requested_model: call.asked.model,
  }
}

function identityColumns(key: Key, identity: Identity) {
  return {
    org_id: identity.org,
    key_id: key.id,
    ...(identity.user !== undefined && { user_id: identity.user }),
    ...(identity.feature !== undefined && { feature: identity.feature }),
    ...(identity.agent !== undefined && { agent_id: identity.agent }),
    ...(identity.agentName !== undefined && { agent_name: identity.agentName }),
    ...(identity.framework !== undefined && { framework: identity.framework }),
    ...(identity.requestType !== undefined && { request_type: identity.requestType }),
    ...(identity.session !== undefined && { session_id: identity.session }),
    ...(identity.group !== undefined && { group_name: identity.group }),
    ...(identity.metadata !== undefined && { metadata: identity.metadata }),
    tracked: true,
  }
}

function attemptColumns({ id, number, candidate }: Attempt) {
  return {
    id,
    attempt: number,
    connection_id: candidate.connection.id,
    provider: candidate.connection.provider,
    model: candidate.model,
  }
}

function costColumns(cost: Cost) {
  const { input, cached, cacheWrite, output, reasoning, total } = totals(cost.usage)
  return {
    ...(input !== undefined && { input_tokens: input }),
    ...(cached !== undefined && { cached_input_tokens: cached }),
    ...(cacheWrite !== undefined && { cache_write_tokens: cacheWrite }),
    ...(output !== undefined && { output_tokens: output }),
    ...(reasoning !== undefined && { reasoning_tokens: reasoning }),
    ...(total !== undefined && { total_tokens: total }),
    ...(cost.usageSource !== 'none' && { parts: cost.usage }),
    usage_source: cost.usageSource,
    ...(cost.cost !== undefined && { cost_nano_usd: cost.cost }),
    ...(cost.charge !== undefined && { charge_nano_usd: cost.charge }),
    ...(cost.priceStatus !== undefined && { price_status: cost.priceStatus }),
    ...(cost.priceVersionId !== undefined && { price_version_id: cost.priceVersionId }),
    ...(cost.rates !== undefined && { rates: cost.rates }),
  }
}

/** English in JSON runs at about four bytes a token; counting better would cost every call for the sake of a few. */
const bytesPerToken = 4

/** What a restart would know of an attempt that was sent and never came back: its input was read, its output is unknown. */
export function openRow(entry: Entry, attempt: Attempt, gateway: Gateway): UsageRow {
  const input = Math.ceil(entry.call.body.bytes.length / bytesPerToken)
  const cost = priceUsage(entry, attempt, { usage: { input }, source: 'counted' }, gateway)
  return {
    ...callColumns(entry.call),
    ...attemptColumns(attempt),
    revision: 0,
    ...costColumns(cost),
    success: false,
    status: 'orphan',
  }
}

/** The row of an attempt that has ended. */
export function rowOf(entry: Entry, attempt: Attempt, cost: Cost, revision: 1 | 2, finishedMs: number): UsageRow {
  const { outcome } = attempt
  if (!outcome) throw new Error('an attempt has no outcome')
  const { reading } = outcome
  const flags =
    outcome.maybeBilled && !cost.flags.includes('maybe_billed') ? [...cost.flags, 'maybe_billed' as const] : cost.flags
  return {
    ...callColumns(entry.call),
    ...attemptColumns(attempt),
    revision,
    ...costColumns(cost),
    ...(reading.raw !== undefined && { usage_raw: reading.raw }),
    ...(reading.finish !== undefined && { finish_reason: reading.finish }),
    ...(reading.serviceTier !== undefined && { service_tier: reading.serviceTier }),
    ...(reading.providerCost !== undefined && { provider_cost_nano_usd: reading.providerCost }),
    success: outcome.status === 'complete',
    status: outcome.status,
    ...(flags.length > 0 && { flags }),
    ...(outcome.httpStatus !== undefined && { http_status: outcome.httpStatus }),
    ...(outcome.errorCode !== undefined && { error_code: outcome.errorCode }),
    ...(outcome.errorMessage !== undefined && { error_message: outcome.errorMessage }),
    response_time_ms: Math.round(outcome.endedMs - attempt.sentMs),
    ...(outcome.firstTokenMs !== undefined && { first_token_ms: Math.round(outcome.firstTokenMs - attempt.sentMs) }),
    overhead_ms: overheadOf(entry, attempt, finishedMs),
    ...(outcome.upstreamRequestId !== undefined && { upstream_request_id: outcome.upstreamRequestId }),
  }
}

/** What the gateway itself took: before the attempt was sent, and after its last byte came. */
function overheadOf(entry: Entry, attempt: Attempt, finishedMs: number): number {
  const before = attempt.number === 1 ? attempt.sentMs - entry.call.startedMs : 0
  const after = attempt.outcome ? finishedMs - attempt.outcome.endedMs : 0
  return Math.round((before + after) * 1000) / 1000
}

/** The row of a refusal. It used and cost nothing. */
export function refusalRow(refused: RefusedCall, fault: Fault, refusals: number): UsageRow {
  const { key, identity } = refused
  const columns = identityColumns(key, identity)
  return {
    id: refused.id,
    call_id: refused.id,
    attempt: 0,
    revision: 2,
    ...columns,
    ...(refusals > 1 && { metadata: { ...columns.metadata, refusals } }),
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
    error_message: fault.message,
  }
}
