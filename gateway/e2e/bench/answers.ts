/**
 * What the mock upstream says, as bytes made once. Events of a stream are all of one length, so that bytes received
 * divide into chunks exactly.
 */

const model = 'gpt-4o-mini-2024-07-18'
const id = 'chatcmpl-BenchBenchBenchBenchBenchBenc'
const usage = {
  prompt_tokens: 212,
  completion_tokens: 64,
  total_tokens: 276,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 0,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
}

const chatBody = JSON.stringify({
  id,
  object: 'chat.completion',
  created: 1_795_000_000,
  model,
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'A gate for tolls. '.repeat(24), refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage,
  service_tier: 'default',
  system_fingerprint: 'fp_0123456789',
})

const embeddingsBody = JSON.stringify({
  object: 'list',
  data: [{ object: 'embedding', index: 0, embedding: Buffer.alloc(1536 * 4, 'bench').toString('base64') }],
  model: 'text-embedding-3-small',
  usage: { prompt_tokens: 212, total_tokens: 212 },
})

/** Payload bytes of each kind of answer, as a client that does not ask for a stream's usage gets them. */
export const answerBytes = {
  chat: Buffer.byteLength(chatBody),
  embeddings: Buffer.byteLength(embeddingsBody),
  stream: (events: number) => sse(events, false).reduce((sum, event) => sum + event.length, 0),
} as const

/** Tokens that every answer of a kind states. */
export const answerTokens = { chat: usage.total_tokens, embeddings: 212 } as const

export const chatAnswer = whole('200 OK', chatBody)
export const embeddingsAnswer = whole('200 OK', embeddingsBody)
export const notFoundAnswer = whole('404 Not Found', JSON.stringify({ error: { message: 'no such route' } }))

/** A stream's answer in the pieces in which a provider would send it: the first opens it and says the first word. */
export interface StreamAnswer {
  readonly whole: Buffer
  readonly pieces: readonly Buffer[]
}

const streams = new Map<string, StreamAnswer>()

export function streamAnswer(events: number, withUsage: boolean): StreamAnswer {
  const name = `${events} ${withUsage}`
  const known = streams.get(name)
  if (known) return known
  const [role = '', ...rest] = sse(events, withUsage)
  const terms = rest.splice(-(withUsage ? 3 : 2))
  const [word = '', ...words] = rest
  const pieces = [
    Buffer.concat([
      head('200 OK', 'text/event-stream; charset=utf-8', 'transfer-encoding: chunked'),
      framed(role, word),
    ]),
    ...words.map((event) => framed(event)),
    Buffer.concat([framed(...terms), Buffer.from('0\r\n\r\n')]),
  ]
  const answer = { whole: Buffer.concat(pieces), pieces }
  streams.set(name, answer)
  return answer
}

/** A role, words, a finish reason: `events` in all; then usage where it was asked for, and the terminal event. */
function sse(events: number, withUsage: boolean): readonly string[] {
  const words = Array.from({ length: Math.max(1, events - 2) }, () => event({ content: ' token' }, null))
  const last = withUsage ? [`data: ${JSON.stringify({ ...common, choices: [], usage })}\n\n`] : []
  return [event({ role: 'assistant', content: '', refusal: null }, null), ...words, event({}, 'stop'), ...last, done]
}

const common = {
  id,
  object: 'chat.completion.chunk',
  created: 1_795_000_000,
  model,
  service_tier: 'default',
  system_fingerprint: 'fp_0123456789',
}

/** How every stream ends. */
export const done = 'data: [DONE]\n\n'

// `usage: null` stands in every event, asked for or not: so the gateway, which asks for usage and takes the usage event
// out again, owes its client the same bytes as a proxy that asks for nothing.
function event(delta: Readonly<Record<string, unknown>>, finish: string | null): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }]
  return `data: ${JSON.stringify({ ...common, choices, usage: null })}\n\n`
}

function framed(...events: readonly string[]): Buffer {
  return Buffer.from(events.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join(''))
}

function whole(status: string, body: string): Buffer {
  const length = `content-length: ${Buffer.byteLength(body)}`
  return Buffer.concat([head(status, 'application/json', length), Buffer.from(body)])
}

function head(status: string, type: string, framing: string): Buffer {
  const lines = [
    `HTTP/1.1 ${status}`,
    'date: Sun, 22 Nov 2026 06:00:00 GMT',
    `content-type: ${type}`,
    framing,
    'openai-organization: bench',
    'openai-processing-ms: 12',
    'openai-version: 2020-10-01',
    'x-ratelimit-limit-requests: 30000',
    'x-ratelimit-remaining-requests: 29999',
    'x-ratelimit-reset-requests: 2ms',
    'x-request-id: req_00000000000000000000000000000000',
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
}
