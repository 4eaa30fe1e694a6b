import { JsonAnswerMeter } from '../dialects/json-answer-meter.ts'
import { type Edit, splice } from '../dialects/json-body.ts'
import type { Meter, ResponseHead } from '../dialects/meter.ts'
import { readAnswer } from '../dialects/openai-answer.ts'
import { chatChoice } from '../dialects/openai-chat/choice.ts'
import type { ChoiceReader } from '../dialects/openai-choice.ts'
import { textChoice } from '../dialects/openai-completions/choice.ts'
import { readEmbeddingsAnswer } from '../dialects/openai-embeddings/answer.ts'
import { OpenaiStreamMeter } from '../dialects/openai-stream-meter.ts'
import { SniffedMeter } from '../dialects/sniffed-meter.ts'
import { streamOptionsWithUsage } from '../dialects/stream-options.ts'
import type { Call, DialectId } from '../domain/call.ts'
import type { Candidate, Connection } from '../domain/connection.ts'
import type { Verdict } from '../domain/verdict.ts'
import { exhaustedMs } from './exhausted.ts'
import { classifyOpenai } from './openai-verdict.ts'
import type { ProviderAdapter, UpstreamRequest } from './provider.ts'
import type { StatedFailure } from './stated-failure.ts'

/** What tells one provider of this family from another: its door, and where it does not do as OpenAI does. */
export interface OpenaiCompatible {
  readonly id: string
  /** As its documentation gives it to users of OpenAI's SDK. */
  readonly baseUrl?: string
  readonly credential?: ProviderAdapter['credential']
  /** The header that takes the credential as it is; without one it goes as `authorization: Bearer`. */
  readonly credentialHeader?: string
  /** Path and query of an endpoint (`/chat/completions`), where it is not simply below the base URL. */
  readonly path?: (endpoint: string, to: Candidate) => string
  /**
   * Whether a stream may be told by `stream_options` to state its usage. Where it may not, the provider refuses the
   * whole request for that member, so a client's own is taken out too.
   */
  readonly streamOptions?: (connection: Connection) => boolean
  /** The verdict on an answer that OpenAI would mean otherwise; `undefined` leaves it to the family's reading. */
  readonly verdict?: (stated: StatedFailure, at: number) => Verdict | undefined
}

interface Dialect {
  readonly endpoint: string
  /** Embeddings have none: they come whole. */
  readonly choice?: ChoiceReader
}

const dialects: Readonly<Record<DialectId, Dialect>> = {
  'openai-chat': { endpoint: '/chat/completions', choice: chatChoice },
  'openai-completions': { endpoint: '/completions', choice: textChoice },
  'openai-embeddings': { endpoint: '/embeddings' },
}

/** An adapter for a provider that speaks OpenAI's dialects, as most do. */
export function openaiCompatible(provider: OpenaiCompatible): ProviderAdapter {
  const { id, baseUrl, credential = 'required', verdict } = provider
  return {
    id,
    baseUrl,
    credential,
    rewrite: (call, to) => rewrite(call, to, provider),
    meter,
    classify: (failure) => classifyOpenai(failure, verdict),
    exhaustedMs,
  }
}

/** The path of a connection's base URL, without a slash at its end. */
export function basePath({ baseUrl }: Pick<Connection, 'baseUrl'>): string {
  const origin = baseUrl.indexOf('/', baseUrl.indexOf('//') + 2)
  return origin < 0 ? '' : baseUrl.slice(origin)
}

function rewrite(call: Call, to: Candidate, provider: OpenaiCompatible): UpstreamRequest {
  const { endpoint } = dialects[call.dialect]
  return {
    method: 'POST',
    path: provider.path?.(endpoint, to) ?? basePath(to.connection) + endpoint,
    headers: headersOf(call, to.connection, provider.credentialHeader),
    body: splice(call.body, editsOf(call, to, provider)),
  }
}

function editsOf({ asked, body }: Call, { connection, model }: Candidate, provider: OpenaiCompatible): Edit[] {
  const edits: Edit[] = []
  if (model !== asked.model) edits.push({ member: 'model', json: JSON.stringify(model) })
  if (!asked.stream) return edits
  if (provider.streamOptions?.(connection) === false) {
    if (body.members.has('stream_options')) edits.push({ member: 'stream_options', json: undefined })
  } else if (!asked.streamUsage) edits.push({ member: 'stream_options', json: streamOptionsWithUsage(body.value) })
  return edits
}

function headersOf({ asked }: Call, connection: Connection, credentialHeader: string | undefined) {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: asked.stream ? 'text/event-stream' : 'application/json',
    // We meter bytes, so they must not be compressed.
    'accept-encoding': 'identity',
    'user-agent': 'tollgate',
  }
  // In lower case, so that one of ours that is set again is replaced, not sent twice.
  for (const [name, value] of Object.entries(connection.headers)) headers[name.toLowerCase()] = value
  if (connection.apiKey === undefined) return headers
  if (credentialHeader === undefined) headers['authorization'] = `Bearer ${connection.apiKey}`
  else headers[credentialHeader] = connection.apiKey
  return headers
}

function meter({ dialect, asked, usageMember }: Call, head: ResponseHead): Meter {
  const { choice } = dialects[dialect]
  const length = head.headers['content-length']
  if (choice === undefined) return new JsonAnswerMeter(readEmbeddingsAnswer, length)
  const json = () => new JsonAnswerMeter((body) => readAnswer(body, choice), length)
  if (!asked.stream) return json()
  const stream = () => new OpenaiStreamMeter(choice, usageMember ? 'hold' : asked.streamUsage ? 'keep' : 'drop')
  const says = String(head.headers['content-type'] ?? '')
  return says.startsWith('text/event-stream') ? stream() : new SniffedMeter(stream, json)
}
