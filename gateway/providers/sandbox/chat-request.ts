import { ApiError, invalid, missing } from './api-error.ts'
import { countOf, type Fields, fieldsOf, flagOf, listOf, numberOf, oneOf, textOf } from './fields.ts'
import { countTokens } from './tokens.ts'

/** What every request for an answer has. */
interface Generation {
  readonly model: string
  readonly stream: boolean
  readonly streamUsage: boolean
  readonly choices: number
  readonly stops: readonly string[]
}

/** A request for an answer, as far as the sandbox cares. What it does not know it lets pass, as providers do. */
export interface ChatRequest extends Generation {
  readonly outputTokensMax: number
  readonly format: Format
  readonly tools: readonly Tool[]
  readonly toolChoice: ToolChoice
  /** What the last user said; the last message, where no user said anything. */
  readonly said: string
  /** The tool's result, where that is the last message. */
  readonly toolResult: string | undefined
  readonly promptTokens: number
}

export interface Tool {
  readonly name: string
  /** JSON schema of its arguments. */
  readonly parameters: unknown
}

export type Format = { readonly kind: 'text' | 'object' } | { readonly kind: 'schema'; readonly schema: unknown }
export type ToolChoice =
  | { readonly kind: 'auto' | 'none' | 'required' }
  | { readonly kind: 'named'; readonly tool: Tool }

interface Message {
  readonly role: string
  readonly text: string
  readonly tokens: number
}

const roles = ['system', 'developer', 'user', 'assistant', 'tool', 'function'] as const
// Beside its text (names, tool calls and declared tools included, as JSON): what a provider's own framing costs.
const tokensPerMessage = 3
const tokensPerAnswer = 3
const tokensPerAttachment = 85

export function chatRequestOf(body: unknown): ChatRequest {
  const fields = fieldsOf(body, 'body')
  const generation = generationOf(fields)
  const messages = messagesOf(fields['messages'])
  const tools = listOf(fields['tools'], 'tools').map(toolOf)
  const last = messages.at(-1)
  return {
    ...generation,
    outputTokensMax: outputTokensMaxOf(fields),
    format: formatOf(fields['response_format']),
    tools,
    toolChoice: toolChoiceOf(fields['tool_choice'], tools),
    said: messages.findLast((message) => message.role === 'user')?.text ?? last?.text ?? '',
    toolResult: last?.role === 'tool' ? last.text : undefined,
    promptTokens: messages.reduce((sum, { tokens }) => sum + tokens, tokensPerAnswer + tokensOfAll(fields['tools'])),
  }
}

export function generationOf(fields: Fields): Generation {
  const model = textOf(fields['model'], 'model')
  const stream = flagOf(fields['stream'], 'stream')
  numberOf(fields['temperature'], 'temperature', 0, 2)
  numberOf(fields['top_p'], 'top_p', 0, 1)
  return {
    model,
    stream,
    streamUsage: streamUsageOf(fields['stream_options'], stream),
    choices: countOf(fields['n'], 'n', 1, 128) ?? 1,
    stops: stopsOf(fields['stop']),
  }
}

function messagesOf(value: unknown): readonly Message[] {
  if (value === undefined) throw missing('messages')
  const messages = listOf(value, 'messages')
  if (messages.length === 0) throw invalid('messages', 'an array with at least one message')
  return messages.map((message, i) => messageOf(fieldsOf(message, `messages[${i}]`), `messages[${i}]`))
}

function messageOf(message: Fields, param: string): Message {
  const role = oneOf(message['role'], `${param}.role`, roles)
  const { text, attachments } = contentOf(message['content'], role, `${param}.content`)
  const written = countTokens(text) + tokensOfAll(message['name']) + tokensOfAll(message['tool_calls'])
  return { role, text, tokens: tokensPerMessage + written + attachments * tokensPerAttachment }
}

function contentOf(content: unknown, role: string, param: string): { text: string; attachments: number } {
  if (typeof content === 'string') return { text: content, attachments: 0 }
  // An assistant that called tools said nothing beside.
  if (content === undefined || content === null) {
    if (role === 'assistant') return { text: '', attachments: 0 }
    throw missing(param)
  }
  if (!Array.isArray(content)) throw invalid(param, 'a string or an array of content parts')
  const parts = content.map((part, i) => fieldsOf(part, `${param}[${i}]`))
  const texts = parts.flatMap((part, i) => (part['type'] === 'text' ? textOf(part['text'], `${param}[${i}].text`) : []))
  return { text: texts.join(''), attachments: parts.length - texts.length }
}

/** Tokens of what is not prose: names as they are, the rest as its JSON. */
function tokensOfAll(value: unknown): number {
  if (value === undefined || value === null) return 0
  return countTokens(typeof value === 'string' ? value : JSON.stringify(value))
}

function streamUsageOf(value: unknown, stream: boolean): boolean {
  if (value === undefined || value === null) return false
  if (!stream) throw invalid('stream_options', "nothing, unless 'stream' is true")
  return flagOf(fieldsOf(value, 'stream_options')['include_usage'], 'stream_options.include_usage')
}

function outputTokensMaxOf(fields: Fields): number {
  const ofOld = countOf(fields['max_tokens'], 'max_tokens', 1, Number.MAX_SAFE_INTEGER)
  const ofNew = countOf(fields['max_completion_tokens'], 'max_completion_tokens', 1, Number.MAX_SAFE_INTEGER)
  if (ofOld !== undefined && ofNew !== undefined) throw invalid('max_tokens', "nothing beside 'max_completion_tokens'")
  return ofOld ?? ofNew ?? Number.POSITIVE_INFINITY
}

function stopsOf(value: unknown): readonly string[] {
  const stops = listOf(typeof value === 'string' ? [value] : value, 'stop')
  if (stops.length > 4) throw invalid('stop', 'at most 4 strings')
  return stops.map((stop, i) => textOf(stop, `stop[${i}]`)).filter((stop) => stop !== '')
}

function formatOf(value: unknown): Format {
  if (value === undefined || value === null) return { kind: 'text' }
  const fields = fieldsOf(value, 'response_format')
  const type = oneOf(fields['type'], 'response_format.type', ['text', 'json_object', 'json_schema'])
  if (type === 'text') return { kind: 'text' }
  if (type === 'json_object') return { kind: 'object' }
  const schema = fieldsOf(fields['json_schema'], 'response_format.json_schema')['schema']
  if (schema === undefined) throw missing('response_format.json_schema.schema')
  return { kind: 'schema', schema }
}

function toolOf(value: unknown, i: number): Tool {
  const tool = fieldsOf(value, `tools[${i}]`)
  oneOf(tool['type'], `tools[${i}].type`, ['function'])
  const called = fieldsOf(tool['function'], `tools[${i}].function`)
  return { name: textOf(called['name'], `tools[${i}].function.name`), parameters: called['parameters'] ?? {} }
}

function toolChoiceOf(value: unknown, tools: readonly Tool[]): ToolChoice {
  if (value === undefined || value === null) return { kind: 'auto' }
  if (tools.length === 0) {
    throw new ApiError(400, null, "'tool_choice' is only allowed when 'tools' are specified.", 'tool_choice')
  }
  if (typeof value === 'string') return { kind: oneOf(value, 'tool_choice', ['auto', 'none', 'required']) }
  const name = fieldsOf(fieldsOf(value, 'tool_choice')['function'], 'tool_choice.function')['name']
  const tool = tools.find((declared) => declared.name === name)
  if (tool === undefined) throw invalid('tool_choice.function.name', "the name of one of the 'tools'")
  return { kind: 'named', tool }
}
