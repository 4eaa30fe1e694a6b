import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, completion, doneEvent, event, sendJson } from './upstream.ts'

/**
 * Callers who go on calling whatever becomes of the gateway, and who know afterwards which answers they had in whole.
 * Every call has an id of its own, in the member `user`, by which its row is found; and its answer a number of tokens
 * of its own.
 */
export interface Callers {
  readonly calls: readonly MadeCall[]
  /** Lets the calls under way end and makes no more. */
  stop(): Promise<void>
}

export interface MadeCall {
  readonly id: string
  readonly stream: boolean
  readonly inputTokens: number
  /** `broken`: there was no answer, or less than the whole of one, or another. */
  end: 'under way' | 'whole' | 'broken'
  /** Of an answer that is not whole; `undefined`: none came. */
  status: number | undefined
}

export interface CallersSettings {
  /** Begins the ids of their calls. */
  readonly name?: string
  readonly url: string
  readonly secret: string
  readonly callers: number
  /** Between two calls of one caller. */
  readonly restMs?: number
}

const streamed = 0.7
const brokenRestMs = 20

export function startCallers({ name = 'call', url, secret, callers, restMs = 0 }: CallersSettings): Callers {
  const calls: MadeCall[] = []
  let stopped = false
  const work = async (): Promise<void> => {
    while (!stopped) {
      const number = calls.length
      const call: MadeCall = {
        id: `${name}-${number}`,
        stream: Math.random() < streamed,
        inputTokens: inputTokensOf(number),
        end: 'under way',
        status: undefined,
      }
      calls.push(call)
      const response = await answerTo(call)
      call.status = response?.status
      const expected = call.stream ? streamOf(call.id).join('') : wholeOf(call.id)
      call.end = response && (await textOf(response)) === expected ? 'whole' : 'broken'
      await sleep(call.end === 'whole' ? restMs : brokenRestMs)
    }
  }
  // Where nobody takes the connection no call was made: it is tried again.
  const answerTo = async (call: MadeCall): Promise<Response | undefined> => {
    for (;;) {
      try {
        return await post(call, url, secret)
      } catch (error) {
        if (!isRefused(error) || stopped) return undefined
        await sleep(brokenRestMs)
      }
    }
  }
  const all = Promise.all(Array.from({ length: callers }, work))
  return {
    calls,
    async stop() {
      stopped = true
      await all
    },
  }
}

function post({ id, stream }: MadeCall, url: string, secret: string): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }], stream, user: id }),
  })
}

function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED'
}

/** As far as it came: what counts is what the client has read, not how its socket ended. */
async function textOf({ body }: Response): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  try {
    for await (const chunk of body ?? []) text += decoder.decode(chunk, { stream: true })
  } catch {
    // It broke off.
  }
  return text
}

const chunks = 20
const chunkMs = 4

/** An upstream for them: what it was asked, and what it answered in whole, by the ids of the calls. */
export interface CallersUpstream {
  readonly asked: Set<string>
  readonly answered: Set<string>
  readonly answer: Answer
}

export function upstreamForCallers(): CallersUpstream {
  const asked = new Set<string>()
  const answered = new Set<string>()
  const answer: Answer = ({ body }, response) => {
    const { user: id, stream } = JSON.parse(body.toString()) as { user: string; stream: boolean }
    asked.add(id)
    response.once('finish', () => answered.add(id))
    if (!stream) {
      setTimeout(() => sendJson(response, 200, wholeOf(id)), chunks * chunkMs)
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const events = [...streamOf(id).slice(0, -1), usageEventOf(id), doneEvent]
    const timer = setInterval(() => {
      response.write(events.shift() ?? '')
      if (events.length > 0) return
      clearInterval(timer)
      response.end()
    }, chunkMs)
    response.once('close', () => clearInterval(timer))
  }
  return { asked, answered, answer }
}

/** The stream as a client gets it that did not ask for usage. */
function streamOf(id: string): readonly string[] {
  const words = Array.from({ length: chunks }, (_, n) => event({ content: ` ${id}/${n}` }))
  return [...words, event({}, 'stop'), doneEvent]
}

function wholeOf(id: string): string {
  return completion(`Hello, ${id}.`, usageOf(id))
}

function usageEventOf(id: string): string {
  const chunk = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'gpt-4o-mini', choices: [] }
  return `data: ${JSON.stringify({ ...chunk, usage: usageOf(id) })}\n\n`
}

function usageOf(id: string) {
  const input = inputTokensOf(Number(id.split('-').at(-1)))
  return { prompt_tokens: input, completion_tokens: chunks, total_tokens: input + chunks }
}

function inputTokensOf(number: number): number {
  return 1 + (number % 997)
}
