import { z } from 'zod'
import type { Configuration } from '../../config.ts'
import { askControl, ControlProblem } from '../control.ts'
import { duration } from '../format.ts'
import { CommandFailure, exits } from '../output.ts'
import type { Cell } from '../table.ts'

/** Longer than the gateway's own patience with a test, which may ask twice. */
const patienceMs = 90_000
/** Tests wait for providers most of the time, and no provider is to be met by many at once. */
const atOnceMax = 8

const testDocument = z.object({
  ok: z.boolean(),
  connection: z.string(),
  request_id: z.string().nullable(),
  requested_model: z.string().nullable(),
  model: z.string().nullable(),
  endpoint: z.string().nullable(),
  url: z.string().nullable(),
  http_status: z.number().nullable(),
  latency_ms: z.number().nullable(),
  first_token_ms: z.number().nullable(),
  input_tokens: z.number().nullable(),
  output_tokens: z.number().nullable(),
  cost_usd: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  hint: z.string().nullable(),
})

/** What came of a test, as the gateway tells it. */
export type Tested = z.output<typeof testDocument>

/** Has the running gateway test these connections, some at a time; each is told of as it ends, in their order. */
export async function testAll(
  configuration: Configuration,
  ids: readonly string[],
  model: string | undefined,
  told: (tested: Tested) => void = () => {},
): Promise<readonly Tested[]> {
  const ended = new Map<string, Promise<Tested>>()
  const all: Tested[] = []
  for (const [at, id] of ids.entries()) {
    for (const next of ids.slice(at, at + atOnceMax)) {
      if (ended.has(next)) continue
      const test = testOne(configuration, next, model)
      // Awaited in its turn; until then its failure is nobody's.
      test.catch(() => {})
      ended.set(next, test)
    }
    const tested = await ended.get(id)
    if (!tested) continue
    all.push(tested)
    told(tested)
  }
  return all
}

async function testOne(configuration: Configuration, id: string, model: string | undefined): Promise<Tested> {
  try {
    const tested = await askControl(configuration, {
      method: 'POST',
      path: `/admin/v1/connections/${encodeURIComponent(id)}/test`,
      body: { ...(model !== undefined && { model }) },
      answer: testDocument,
      patienceMs,
    })
    if (tested) return tested
  } catch (error) {
    if (error instanceof ControlProblem && error.code === 'model_required') return untested(id, error)
    throw error
  }
  throw noGateway()
}

export function noGateway(): CommandFailure {
  return new CommandFailure(exits.unreachable, 'no gateway runs here, and a test takes the path of its traffic', {
    fix: 'start it with: npm start; or say where its data is: TOLLGATE_DATA_DIR',
  })
}

/** It is not known which model to ask for: nothing was sent, and nothing is known to be wrong. */
function untested(connection: string, { code, message }: ControlProblem): Tested {
  const nothing = { request_id: null, requested_model: null, model: null, endpoint: null, url: null, http_status: null }
  const unknown = { latency_ms: null, first_token_ms: null, input_tokens: null, output_tokens: null, cost_usd: null }
  const hint = `tollgate connections test ${connection} --model …`
  return { ok: false, connection, ...nothing, ...unknown, error: { code, message }, hint }
}

/** Whether it was tested and failed, rather than not tested. */
export function hasFailed({ ok, error }: Tested): boolean {
  return !ok && error?.code !== 'model_required'
}

export function testCell(tested: Tested | undefined): Cell {
  if (!tested) return '—'
  if (tested.ok) return { text: `✓ ${duration(tested.latency_ms ?? 0)}`, style: 'green' }
  return { text: `✗ ${failureWords(tested)}`, style: 'red' }
}

/** `401 invalid_api_key` */
export function failureWords({ http_status, error }: Tested): string {
  return [http_status, error?.code].filter((word) => word !== null && word !== undefined).join(' ')
}
