import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What an upstream was asked. */
export interface Seen {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export type Answer = (seen: Seen, response: ServerResponse) => void

export interface Upstream {
  /** `http://127.0.0.1:…/v1`. */
  readonly url: string
  readonly seen: Seen[]
  /** Requests whose client went away before the answer was whole. */
  readonly aborted: number
  answer: Answer
  close(): Promise<void>
}

/** A provider on this machine that answers as it is told. */
export async function startUpstream(answer: Answer): Promise<Upstream> {
  const upstream = { url: '', seen: [] as Seen[], aborted: 0, answer, close: () => closed(server) }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const seen = { path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) }
      upstream.seen.push(seen)
      upstream.answer(seen, response)
    })
    response.on('close', () => {
      if (!response.writableFinished) upstream.aborted++
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  upstream.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  return upstream
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

/** A whole answer of the chat dialect. */
export function completion(text: string, usage: unknown = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 }) {
  return JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'gpt-4o-mini',
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
    usage,
  })
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}

/** The event of a chunk with this delta. */
export function event(
  delta: unknown,
  finish: string | null = null,
  more: Readonly<Record<string, unknown>> = {},
): string {
  const chunk = {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'gpt-4o-mini',
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  }
  return `data: ${JSON.stringify(chunk)}\n\n`
}

export const usageEvent = `data: ${JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'gpt-4o-mini',
  choices: [],
  usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
})}\n\n`

export const doneEvent = 'data: [DONE]\n\n'

export function sendStream(response: ServerResponse, events: readonly string[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  for (const each of events) response.write(each)
  response.end()
}
