import type { Connection } from '../domain/connection.ts'
import { publicId } from '../domain/id.ts'
import { totals } from '../domain/usage.ts'
import type { Attempt, Entry } from '../pipeline/entry.ts'
import type { Cost } from '../pipeline/price.ts'
import type { Source, TestReport } from './control.ts'
import { hintFor } from './test-hint.ts'

interface Tested {
  readonly connection: Connection
  readonly source: Source
}

/** What a test call came to. `url` is where it was sent, if it was. */
export function reportOf(
  { call, attempts, fault }: Entry,
  costs: readonly Cost[],
  url: string | undefined,
  { connection, source }: Tested,
): TestReport {
  const attempt = attempts.at(-1)
  const outcome = attempt?.outcome
  const cost = costs.at(-1)
  const used = cost && totals(cost.usage)
  const ok = outcome?.status === 'complete'
  const error = ok ? undefined : errorOf(attempt, fault)
  return {
    ok,
    connection: connection.id,
    request: publicId('req', call.id),
    requestedModel: call.asked.model,
    model: attempt?.candidate.model ?? call.asked.model,
    endpoint: call.endpoint,
    url: url === undefined ? undefined : withoutSecret(url, connection.apiKey),
    httpStatus: outcome?.httpStatus,
    latencyMs: attempt && since(attempt, outcome?.endedMs),
    firstTokenMs: attempt && since(attempt, outcome?.firstTokenMs),
    inputTokens: used?.input,
    outputTokens: used?.output,
    costNanoUsd: cost?.cost,
    error,
    hint: error && hintFor({ connection, source, error, httpStatus: outcome?.httpStatus }),
  }
}

/** The provider's own words where there are any: they say more than ours to the client would. */
function errorOf(attempt: Attempt | undefined, fault: Entry['fault']): NonNullable<TestReport['error']> {
  const { errorCode, errorMessage } = attempt?.outcome ?? {}
  if (errorCode !== undefined) return { code: errorCode, message: errorMessage ?? '' }
  return { code: fault?.code ?? 'internal', message: fault?.message ?? 'It did not come to an end.' }
}

function since({ sentMs }: Attempt, ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms - sentMs)
}

function withoutSecret(url: string, secret: string | undefined): string {
  return secret ? url.replaceAll(secret, '[redacted]').replaceAll(encodeURIComponent(secret), '[redacted]') : url
}
