import type { ServerResponse } from 'node:http'
import type { ChatRequest } from './chat-request.ts'
import { type Answer, outputTokensOf, type Pace, type Reply } from './models.ts'

/** What the answer is called: its id and time, under which all of its pieces go. */
export interface Name {
  readonly id: string
  /** Seconds since the epoch. */
  readonly created: number
}

type Said = Extract<Reply, { kind: 'answer' }>
type Delta = Readonly<Record<string, unknown>>

/** Sends the answer as one body, when its last token would have been said. */
export function answerWhole(
  response: ServerResponse,
  request: ChatRequest,
  { answer, pace, ends }: Said,
  name: Name,
): void {
  const choices = Array.from({ length: request.choices }, (_, index) => ({
    index,
    message: messageOf(answer, name, index),
    logprobs: null,
    finish_reason: answer.finish,
  }))
  const body = JSON.stringify({ ...headOf('chat.completion', request, name), choices, usage: usageOf(request, answer) })
  const saidMs = pace.firstTokenMs + pace.tokenMs * Math.max(0, outputTokensOf(answer) - 1)
  const timer = setTimeout(() => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    if (ends === 'whole') response.end(body)
    else response.write(body.slice(0, body.length / 2), () => response.destroy())
  }, saidMs)
  response.once('close', () => clearTimeout(timer))
}

/** Sends the answer as a stream: the role at once, then a token at a time, at the model's pace. */
export function answerStream(response: ServerResponse, request: ChatRequest, said: Said, name: Name): void {
  const { answer, pace, ends } = said
  const deltas = ends === 'whole' ? deltasIn(answer) : Math.ceil(deltasIn(answer) / 2)
  const head = headOf('chat.completion.chunk', request, name)
  const usage = request.streamUsage ? { usage: null } : {}
  const send = (event: object) => response.write(`data: ${JSON.stringify(event)}\n\n`)
  const sendToAll = (delta: (index: number) => Delta, finish: string | null = null) => {
    for (let index = 0; index < request.choices; index++) {
      send({ ...head, choices: [{ index, delta: delta(index), logprobs: null, finish_reason: finish }], ...usage })
    }
  }
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  sendToAll(() => ({ role: 'assistant', content: answer.call === undefined ? '' : null, refusal: null }))
  const finish = () => {
    sendToAll(() => ({}), answer.finish)
    if (request.streamUsage) send({ ...head, choices: [], usage: usageOf(request, answer) })
    response.end('data: [DONE]\n\n')
  }
  let next = 0
  paced(response, pace, () => {
    if (next < deltas) sendToAll((index) => deltaOf(answer, next, name, index))
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

/** The change that the answer's `nth` token makes to choice `index`: thoughts first. */
function deltaOf({ reasoning, content, call }: Answer, nth: number, name: Name, index: number): Delta {
  if (nth < reasoning.length) return { reasoning_content: reasoning[nth] }
  const said = nth - reasoning.length
  if (call === undefined) return { content: content[said] }
  if (said === 0) return { tool_calls: [{ index: 0, ...callOf(call.tool, '', name, index) }] }
  return { tool_calls: [{ index: 0, function: { arguments: call.arguments[said - 1] } }] }
}

function messageOf({ reasoning, content, call }: Answer, name: Name, index: number): object {
  return {
    role: 'assistant',
    content: call === undefined ? content.join('') : null,
    ...(reasoning.length > 0 && { reasoning_content: reasoning.join('') }),
    ...(call && { tool_calls: [callOf(call.tool, call.arguments.join(''), name, index)] }),
    refusal: null,
    annotations: [],
  }
}

function callOf(tool: string, args: string, { id }: Name, index: number): object {
  return { id: `call_${id.slice(-12)}${index}`, type: 'function', function: { name: tool, arguments: args } }
}

function headOf(object: string, { model }: ChatRequest, { id, created }: Name): object {
  return { id: `chatcmpl-${id}`, object, created, model, service_tier: 'default', system_fingerprint: null }
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
