import { keyHint, shownStatus } from '../domain/connection.ts'
import { usdFromNano } from '../domain/money.ts'
import type { HealthReport } from '../health/health.ts'
import type { ConnectionStanding, Source, TestReport } from './control.ts'

/** A connection as the API shows it: never its credential, nor the headers that may hold another. */
export function connectionDocument({ connection, name, source, limits, health }: ConnectionStanding) {
  const { id, provider, baseUrl, priority, weight, models, apiKey } = connection
  return {
    id,
    provider,
    name,
    base_url: baseUrl,
    api_version: connection.apiVersion ?? null,
    header_names: Object.keys(connection.headers),
    key_hint: apiKey === undefined ? null : keyHint(apiKey),
    status: shownStatus(connection, health.credentialRefused),
    priority,
    weight,
    models: models.map(({ pattern, upstream }) => ({ pattern, upstream: upstream ?? null })),
    limits: limits.map(({ limit, used, held, resetMs }) => ({
      measure: limit.measure,
      window_s: limit.windowMs === 0 ? null : limit.windowMs / 1000,
      max: limit.max,
      used,
      held,
      reset_ms: Math.ceil(resetMs),
    })),
    track_usage: connection.trackUsage ?? null,
    allow_private_network: connection.allowPrivateNetwork,
    source: sourceDocument(source),
    managed_by: owners[source.kind],
    health: healthDocument(health),
  }
}

function healthDocument({ rest, ...report }: HealthReport) {
  return {
    status: report.health,
    why: report.why,
    attempts: report.attempts,
    success_rate: report.successRate ?? null,
    errors_in_a_row: report.errorsInARow,
    credential_refused: report.credentialRefused,
    last_used_at: instantOrNull(report.lastUsedAt),
    last_error_at: instantOrNull(report.lastErrorAt),
    rest: rest ? { reason: rest.reason, until: new Date(rest.untilMs).toISOString() } : null,
  }
}

function instantOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}

const owners = { file: 'config', database: 'database', 'built-in': 'release' } as const

function sourceDocument(source: Source): string {
  return source.kind === 'file' ? `${source.file}:${source.line}` : source.kind
}

/** What came of a test; `null` is unknown, or did not happen. */
export function testDocument(report: TestReport) {
  const { costNanoUsd, error } = report
  return {
    ok: report.ok,
    connection: report.connection,
    request_id: report.request,
    requested_model: report.requestedModel,
    model: report.model,
    endpoint: report.endpoint,
    url: report.url ?? null,
    http_status: report.httpStatus ?? null,
    latency_ms: report.latencyMs ?? null,
    first_token_ms: report.firstTokenMs ?? null,
    input_tokens: report.inputTokens ?? null,
    output_tokens: report.outputTokens ?? null,
    cost_usd: costNanoUsd === undefined ? null : usdFromNano(costNanoUsd),
    error: error ?? null,
    hint: report.hint ?? null,
  }
}
