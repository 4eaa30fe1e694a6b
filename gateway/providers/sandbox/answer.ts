import type { ServerResponse } from 'node:http'
import type { ChatRequest } from './chat-request.ts'
import { type Answer, outputTokensOf, type Pace, type Reply } from './models.ts'

/** What the answer is called: its id and time, under which all of its pieces go. */
export interface Name {
  readonly id: string
  /** Seconds since the epoch. */
  readonly created: number
}

/** How a dialect words one answer. What is said, and when, is the same in all of them. */
export interface Form {
  /** What a whole answer and every chunk carry, less the model. */
  readonly head: { readonly whole: Part; readonly chunk: Part }
  /** Of choice `index`: the whole of it, what comes before the first token, token `nth`, what comes with the end. */
  whole(answer: Answer, index: number): Part
  opening(answer: Answer): Part
  token(answer: Answer, nth: number, index: number): Part
  readonly closing: Part
}

type Said = Extract<Reply, { kind: 'answer' }>
export type Part = Readonly<Record<string, unknown>>

/** Sends the answer as one body, when its last token would have been said. */
export function answerWhole(
  response: ServerResponse,
  request: ChatRequest,
  { answer, pace, ends }: Said,
  form: Form,
): void {
  const choices = Array.from({ length: request.choices }, (_, index) => ({
    index,
    ...form.whole(answer, index),
    logprobs: null,
    finish_reason: answer.finish,
  }))
  const { model } = request
  const body = JSON.stringify({ ...form.head.whole, model, choices, usage: usageOf(request, answer) })
  const saidMs = pace.firstTokenMs + pace.tokenMs * Math.max(0, outputTokensOf(answer) - 1)
  const timer = setTimeout(() => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    if (ends === 'whole') response.end(body)
    else response.write(body.slice(0, body.length / 2), () => response.destroy())
  }, saidMs)
  response.once('close', () => clearTimeout(timer))
}

/** Sends the answer as a stream: what opens it at once, then a token at a time, at the model's pace. */
export function answerStream(response: ServerResponse, request: ChatRequest, said: Said, form: Form): void {
  const { answer, pace, ends } = said
  const deltas = ends === 'whole' ? deltasIn(answer) : Math.ceil(deltasIn(answer) / 2)
  const head = { ...form.head.chunk, model: request.model }
  const usage = request.streamUsage ? { usage: null } : {}
  const send = (event: object) => response.write(`data: ${JSON.stringify(event)}\n\n`)
  const sendToAll = (part: (index: number) => Part, finish: string | null = null) => {
    for (let index = 0; index < request.choices; index++) {
      send({ ...head, choices: [{ index, ...part(index), logprobs: null, finish_reason: finish }], ...usage })
    }
  }
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  sendToAll(() => form.opening(answer))
  const finish = () => {
    sendToAll(() => form.closing, answer.finish)
    if (request.streamUsage) send({ ...head, choices: [], usage: usageOf(request, answer) })
    response.end('data: [DONE]\n\n')
  }
  let next = 0
  paced(response, pace, () => {
    if (next < deltas) sendToAll((index) => form.token(answer, next, index))
    if (++next < deltas) return true
    if (ends === 'whole') finish()
    // After this turn, in which the last token still leaves.
    else setImmediate(() => response.destroy())
    return false
  })
}

/**
 * Takes one step after another until one says that it was the last, or the client hangs up. While the client does not
 * read, nothing is said. Timers of equal length share one list in Node, so hundreds of streams cost little more.
 */
function paced(response: ServerResponse, { firstTokenMs, tokenMs }: Pace, step: () => boolean): void {
  let timer: NodeJS.Timeout | undefined
  const go = () => {
    while (step()) {
      if (response.writableNeedDrain) return void response.once('drain', wait)
      if (tokenMs > 0) return wait()
    }
  }
  const wait = () => {
    timer = setTimeout(go, tokenMs)
  }
  timer = setTimeout(go, firstTokenMs)
  response.once('close', () => clearTimeout(timer))
}

/** How many changes make up the answer: one a token, and one that names the tool. */
function deltasIn(answer: Answer): number {
  return outputTokensOf(answer) + (answer.call === undefined ? 0 : 1)
}

function usageOf(request: ChatRequest, answer: Answer): object {
  const completionTokens = outputTokensOf(answer) * request.choices
  return {
    prompt_tokens: request.promptTokens,
    completion_tokens: completionTokens,
    total_tokens: request.promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: answer.reasoning.length * request.choices,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}
