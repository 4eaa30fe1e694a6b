import { type ApiError, errorOf, unknownModel } from './api-error.ts'
import type { ChatRequest, Tool } from './chat-request.ts'
import { exampleOf } from './example.ts'
import { tokensOf } from './tokens.ts'

/** What a model does about a request: it answers, says why not, or never says anything. */
export type Reply =
  | { readonly kind: 'answer'; readonly answer: Answer; readonly pace: Pace; readonly ends: 'whole' | 'halfway' }
  | { readonly kind: 'error'; readonly error: ApiError }
  | { readonly kind: 'silence' }

/** An answer, token by token. */
export interface Answer {
  readonly reasoning: readonly string[]
  readonly content: readonly string[]
  readonly call: { readonly tool: string; readonly arguments: readonly string[] } | undefined
  readonly finish: 'stop' | 'length' | 'tool_calls'
}

export interface Pace {
  readonly firstTokenMs: number
  readonly tokenMs: number
}

/** Models as `GET /v1/models` lists them; of families, those that examples use. */
export const chatModels: readonly string[] = [
  'sandbox/echo',
  'sandbox/fast',
  'sandbox/slow',
  'sandbox/lorem-100',
  'sandbox/reasoning',
  'sandbox/tools',
  'sandbox/flaky-50',
  'sandbox/error-429',
  'sandbox/error-500',
  'sandbox/midstream-drop',
  'sandbox/hang',
]

const steady: Pace = { firstTokenMs: 20, tokenMs: 20 }
const atOnce: Pace = { firstTokenMs: 0, tokenMs: 0 }
const slow: Pace = { firstTokenMs: 3_000, tokenMs: 200 }

const lorem =
  'lorem ipsum dolor sit amet consectetur elit sed do eiusmod tempor ut labore et dolore magna aliqua ut enim ad minim'
    .split(' ')
    .map((word) => ` ${word.slice(0, 7)}`)
const loremTokensMax = 10_000

/** The models of one sandbox. It counts the calls of its flaky ones. */
export class Models {
  readonly #flakyCalls = new Map<number, number>()

  reply(request: ChatRequest): Reply {
    const { model, said } = request
    const [, name, digits] = /^sandbox\/([a-z]+(?:-[a-z]+)?)(?:-(0|[1-9]\d*))?$/.exec(model) ?? []
    if (digits !== undefined) return this.#familyReply(request, name, Number(digits))
    switch (name) {
      case 'echo':
        return answer(request, spoken(request, said), steady)
      case 'fast':
        return answer(request, spoken(request, said), atOnce)
      case 'slow':
        return answer(request, spoken(request, said), slow)
      case 'reasoning':
        return answer(request, reasoned(request), steady)
      case 'tools':
        return answer(request, withTools(request), steady)
      case 'midstream-drop':
        return { ...answer(request, spoken(request, said), steady), ends: 'halfway' }
      case 'hang':
        return { kind: 'silence' }
      default:
        return { kind: 'error', error: unknownModel(model) }
    }
  }

  #familyReply(request: ChatRequest, family: string | undefined, number: number): Reply {
    const { model } = request
    if (family === 'lorem' && number >= 1 && number <= loremTokensMax) {
      return answer(request, spoken(request, loremOf(number)), steady)
    }
    if (family === 'error' && number >= 400 && number <= 599) return { kind: 'error', error: errorOf(number, model) }
    if (family === 'flaky' && number <= 100) {
      if (this.#fails(number)) return { kind: 'error', error: errorOf(500, model) }
      return answer(request, spoken(request, request.said), steady)
    }
    return { kind: 'error', error: unknownModel(model) }
  }

  /** Of a hundred calls in a row exactly `percent` fail, spread evenly; no chance, so that a drill can be repeated. */
  #fails(percent: number): boolean {
    const calls = this.#flakyCalls.get(percent) ?? 0
    this.#flakyCalls.set(percent, calls + 1)
    return Math.floor(((calls + 1) * percent) / 100) > Math.floor((calls * percent) / 100)
  }
}

function answer(request: ChatRequest, full: Answer, pace: Pace): Reply & { kind: 'answer' } {
  return { kind: 'answer', answer: cut(full, request.outputTokensMax), pace, ends: 'whole' }
}

/** A text, in the format asked for; a tool call instead, where the request insists on one. */
function spoken(request: ChatRequest, text: string): Answer {
  const tool = insistedTool(request)
  if (tool !== undefined) return called(tool)
  return {
    reasoning: [],
    content: tokensOf(stopped(formatted(text, request), request)),
    call: undefined,
    finish: 'stop',
  }
}

function reasoned(request: ChatRequest): Answer {
  const thought = `They said ${countedWords(request.said)}. I was made to say what was said, so I shall say it back.`
  return { ...spoken(request, request.said), reasoning: tokensOf(thought) }
}

function countedWords(text: string): string {
  const words = text.split(/\s+/).filter((word) => word !== '').length
  return words === 1 ? 'one word' : `${words} words`
}

/** Calls the first tool; once its result is there, says what it was. */
function withTools(request: ChatRequest): Answer {
  const [tool] = request.tools
  if (tool === undefined) return spoken(request, 'No tool was declared, so there is none to call.')
  if (request.toolChoice.kind !== 'auto') return spoken(request, request.said)
  return request.toolResult === undefined ? called(tool) : spoken(request, `The tool says: ${request.toolResult}`)
}

function insistedTool({ toolChoice, tools }: ChatRequest): Tool | undefined {
  if (toolChoice.kind === 'named') return toolChoice.tool
  return toolChoice.kind === 'required' ? tools[0] : undefined
}

function called({ name, parameters }: Tool): Answer {
  const values = exampleOf(parameters)
  // Arguments are always an object; a schema without a type says nothing else.
  const json = JSON.stringify(typeof values === 'object' ? (values ?? {}) : {})
  return { reasoning: [], content: [], call: { tool: name, arguments: tokensOf(json) }, finish: 'tool_calls' }
}

function formatted(text: string, { format }: ChatRequest): string {
  if (format.kind === 'schema') return JSON.stringify(exampleOf(format.schema))
  if (format.kind === 'text' || isJsonObject(text)) return text
  return JSON.stringify({ said: text })
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

function stopped(text: string, { stops }: ChatRequest): string {
  const ends = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
  return ends.length === 0 ? text : text.slice(0, Math.min(...ends))
}

/** The cap counts thoughts first, as it does with models that think. */
function cut(full: Answer, tokensMax: number): Answer {
  if (outputTokensOf(full) <= tokensMax) return full
  const reasoning = full.reasoning.slice(0, tokensMax)
  const left = tokensMax - reasoning.length
  const call = full.call && { ...full.call, arguments: full.call.arguments.slice(0, left) }
  return { reasoning, content: full.content.slice(0, left), call, finish: 'length' }
}

/** Everything that was said, thoughts included. A tool's name is not counted: it is no text of the model's. */
export function outputTokensOf({ reasoning, content, call }: Answer): number {
  return reasoning.length + content.length + (call?.arguments.length ?? 0)
}

function loremOf(tokens: number): string {
  return Array.from({ length: tokens }, (_, i) => lorem[i % lorem.length])
    .join('')
    .trimStart()
}
