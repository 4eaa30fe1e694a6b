import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DialectId } from '../domain/call.ts'
import { providers } from '../providers/index.ts'

/** A recorded exchange with a provider, from the folder that `TOLLGATE_RECORDINGS` names. */
export interface Recording {
  /** `openai/chat-refusal-…`, which is also its folder. */
  readonly id: string
  /** By its id in the gateway, which is also how the recordings call it. */
  readonly provider: string
  readonly api: string
  readonly stream: boolean
  readonly status: number
  /** The request's host and path, and its `api-version`; empty where no request was stored. */
  readonly host: string
  readonly path: string
  readonly apiVersion: string | undefined
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
    recordings: readonly { id: string; provider: string; api: string; status: number; stream: boolean }[]
  }
  return index.recordings.map(({ id, provider, api, status, stream }) => {
    const request = json(join(dir, id, 'request.json')) as
      | { host?: string | null; path?: string | null; query?: string | null; body?: Record<string, unknown> }
      | undefined
    const body = ['response.body', 'response.sse', 'response.ndjson', 'response.eventstream']
      .map((name) => join(dir, id, name))
      .find((path) => existsSync(path))
    return {
      id,
      provider,
      api,
      stream,
      status,
      host: request?.host ?? '',
      path: request?.path ?? '',
      apiVersion: new URLSearchParams(request?.query ?? '').get('api-version') ?? undefined,
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

/** A recording of a dialect that this release speaks, by a provider that it knows. */
export interface DialectRecording extends Recording {
  readonly dialect: DialectId
}

const dialects: Readonly<Record<string, DialectId>> = {
  chat: 'openai-chat',
  completions: 'openai-completions',
  embeddings: 'openai-embeddings',
}

/** `left` are the recordings that look alike and are of another dialect, by provider. */
export function dialectRecordings(): { readonly taken: readonly DialectRecording[]; readonly left: readonly string[] } {
  const left: string[] = []
  const taken = readRecordings().flatMap((recording) => {
    const dialect = dialects[recording.api]
    if (dialect === undefined) return []
    if (providers.has(recording.provider) && isOfFamily(recording)) return { ...recording, dialect }
    left.push(recording.id)
    return []
  })
  return { taken, left }
}

/** The body is what the family answers; where it is an error, which looks the same everywhere, the path decides. */
function isOfFamily({ status, path, body }: Recording): boolean {
  if (status < 400) return /"choices"\s*:|"object"\s*:\s*"list"|"error"\s*:/.test(body.toString())
  return path === '' || /\/(chat\/completions|completions|embeddings)$/.test(path)
}

/** The recording's head as it was sent, with the content type that it must have had where none was stored. */
export function contentTypeOf({ headers, stream }: Recording): string {
  return headers['content-type'] ?? (stream ? 'text/event-stream' : 'application/json')
}
