import type { Form, Name } from './answer.ts'
import { invalid, missing } from './api-error.ts'
import { type ChatRequest, generationOf } from './chat-request.ts'
import { countOf, fieldsOf, flagOf } from './fields.ts'
import { countTokens } from './tokens.ts'

/** What OpenAI stops after where a request names no cap. */
const outputTokensByDefault = 16

/** A request for a plain completion. The prompt is what the models answer; they know of no tools here. */
export function completionRequestOf(body: unknown): ChatRequest {
  const fields = fieldsOf(body, 'body')
  const generation = generationOf(fields)
  const { text, tokens } = promptOf(fields['prompt'])
  return {
    ...generation,
    outputTokensMax: countOf(fields['max_tokens'], 'max_tokens', 0, Number.MAX_SAFE_INTEGER) ?? outputTokensByDefault,
    format: { kind: 'text' },
    tools: [],
    toolChoice: { kind: 'auto' },
    said: text,
    toolResult: undefined,
    promptTokens: tokens,
  }
}

/** A plain completion: a text, and what each chunk adds to it. What was thought is counted, and not told. */
export function completionForm(body: unknown, { id, created }: Name): Form {
  const fields = fieldsOf(body, 'body')
  const before = flagOf(fields['echo'], 'echo') ? promptOf(fields['prompt']).text : ''
  const head = { id: `cmpl-${id}`, object: 'text_completion', created, system_fingerprint: null }
  return {
    head: { whole: head, chunk: head },
    whole: ({ content }) => ({ text: before + content.join('') }),
    opening: () => ({ text: before }),
    token: ({ reasoning, content }, nth) => ({ text: content[nth - reasoning.length] ?? '' }),
    closing: { text: '' },
  }
}

/** One prompt, alone or in a list: a text, or token numbers, which stand for themselves here. */
function promptOf(value: unknown): { readonly text: string; readonly tokens: number } {
  if (value === undefined) throw missing('prompt')
  const prompt: unknown = Array.isArray(value) && value.length === 1 && !isTokens(value) ? value[0] : value
  if (typeof prompt === 'string') return { text: prompt, tokens: countTokens(prompt) }
  if (isTokens(prompt)) return { text: prompt.join(' '), tokens: prompt.length }
  throw invalid('prompt', 'one prompt: a string or an array of tokens, or an array with one of them')
}

function isTokens(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => Number.isInteger(one) && one >= 0)
}
