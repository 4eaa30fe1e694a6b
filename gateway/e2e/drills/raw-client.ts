import { secret } from '../gateway.ts'

/** What a client without an SDK sees of an answer. */
export interface View {
  readonly status: number
  readonly headers: Headers
  /** The body, as far as it came and as far as anybody compares it. */
  readonly text: string
  readonly bytes: number
  /** The body came to the end that its framing promised. */
  readonly whole: boolean
  readonly tookMs: number
}

export interface Question {
  readonly model: string
  readonly stream?: boolean
  readonly headers?: Readonly<Record<string, string>>
  /** Members of the body beyond those that every question has. */
  readonly more?: Readonly<Record<string, unknown>>
}

const keptBytesMax = 1024 * 1024
const patienceMs = 20_000

export function bodyOf({ model, stream = false, more = {} }: Question): string {
  const asked = stream ? { stream, stream_options: { include_usage: true } } : {}
  return JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }], ...asked, ...more })
}

/** The head of the answer; its body is the caller's to read. */
export function post(url: string, question: Question, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...question.headers },
    body: bodyOf(question),
    redirect: 'manual',
    ...(signal && { signal }),
  })
}

/** Asks and reads to the end, whatever it is. A call that hangs for longer than any deadline is an error. */
export async function ask(url: string, question: Question): Promise<View> {
  const startedMs = performance.now()
  const response = await post(url, question, AbortSignal.timeout(patienceMs))
  const kept: Uint8Array[] = []
  let bytes = 0
  let whole = true
  try {
    for await (const chunk of response.body ?? []) {
      if (bytes < keptBytesMax) kept.push(chunk)
      bytes += chunk.length
    }
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') throw error
    whole = false
  }
  const text = Buffer.concat(kept).toString()
  return {
    status: response.status,
    headers: response.headers,
    text,
    bytes,
    whole,
    tookMs: performance.now() - startedMs,
  }
}

/** The error object of an answer's body, or of the last event of a stream; `undefined` where there is none. */
export function errorIn(text: string): Readonly<Record<string, unknown>> | undefined {
  const json = text.startsWith('{')
    ? text
    : text
        .split(/\n\n/)
        .findLast((each) => each.startsWith('data: {'))
        ?.slice(6)
  if (json === undefined) return undefined
  const { error } = JSON.parse(json) as { error?: Readonly<Record<string, unknown>> }
  return error
}
