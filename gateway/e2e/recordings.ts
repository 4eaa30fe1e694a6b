import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A recorded exchange with a provider, from the folder that `TOLLGATE_RECORDINGS` names. */
export interface Recording {
  /** `openai/chat-refusal-…`, which is also its folder. */
  readonly id: string
  readonly api: string
  readonly stream: boolean
  readonly status: number
  /** The request's path; empty where no request was stored. */
  readonly path: string
  readonly request: Readonly<Record<string, unknown>> | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly expected: Expected
}

/** What a correct meter reports: inclusive totals. */
export interface Expected {
  readonly usage_reported: boolean
  readonly ambiguous?: boolean
  readonly input_tokens?: number
  readonly accepted_input_tokens?: readonly number[]
  readonly cached_input_tokens?: number
  readonly cache_write_tokens?: number
  readonly output_tokens?: number
  readonly reasoning_tokens?: number
  readonly audio_input_tokens?: number
  readonly audio_output_tokens?: number
  readonly provider_cost_usd?: number
  readonly finish_reason?: string | null
  readonly output_text?: string
  readonly done_sentinel?: boolean
  readonly error?: { readonly message: string }
}

export const recordingsDir = process.env['TOLLGATE_RECORDINGS']

function readRecordings(): readonly Recording[] {
  if (recordingsDir === undefined) return []
  const dir = recordingsDir
  const index = json(join(dir, 'index.json')) as {
    recordings: readonly { id: string; api: string; status: number; stream: boolean }[]
  }
  return index.recordings.map(({ id, api, status, stream }) => {
    const request = json(join(dir, id, 'request.json')) as
      | { path?: string | null; body?: Record<string, unknown> }
      | undefined
    const body = ['response.body', 'response.sse', 'response.ndjson', 'response.eventstream']
      .map((name) => join(dir, id, name))
      .find((path) => existsSync(path))
    return {
      id,
      api,
      stream,
      status,
      path: request?.path ?? '',
      request: request?.body,
      headers: (json(join(dir, id, 'response.headers.json')) ?? {}) as Record<string, string>,
      body: body === undefined ? Buffer.alloc(0) : readFileSync(body),
      expected: json(join(dir, id, 'expected.json')) as Expected,
    }
  })
}

function json(path: string): unknown {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

/**
 * The recordings of the dialects that this release speaks: the request's path says so, or, where none is stored, the
 * body has the shape. `left` names the ones that look alike and are not, and why.
 */
export function openaiRecordings(): { readonly taken: readonly Recording[]; readonly left: readonly string[] } {
  const left: string[] = []
  const taken = readRecordings().filter((recording) => {
    if (/\/(chat\/completions|embeddings)$/.test(recording.path)) return true
    if (recording.path !== '' || !['chat', 'embeddings'].includes(recording.api)) return false
    const shaped = /"choices"\s*:|"object"\s*:\s*"list"|"error"\s*:/.test(recording.body.toString())
    if (!shaped) left.push(`${recording.id}: no request is stored, and the body is not of this dialect`)
    return shaped
  })
  return { taken, left }
}
