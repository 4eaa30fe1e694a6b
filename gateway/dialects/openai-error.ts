import { type Fault, faults } from '../domain/fault.ts'
import type { StatedError } from '../domain/usage.ts'
import { isObject, word } from './json-value.ts'

/** The error object of the OpenAI dialects. All four of its members are always there: SDKs' schemas ask for them. */
export function openaiError(fault: Fault): string {
  const { param, type, metadata } = fault.detail
  return JSON.stringify({
    error: {
      message: fault.message,
      type: type ?? faults[fault.code].openai,
      param: param ?? null,
      code: fault.code,
      ...(metadata && { metadata }),
    },
  })
}

/** The same inside a stream: its last event. No `[DONE]` follows, so no client takes the answer for whole. */
export function openaiErrorEvent(fault: Fault): string {
  return `data: ${openaiError(fault)}\n\n`
}

/** The error that a parsed body or event states, if it states one. */
export function statedError(value: unknown): StatedError | undefined {
  if (!isObject(value)) return undefined
  const error = value['error']
  if (typeof error === 'string' && error !== '') return { code: 'upstream_error', message: error }
  if (!isObject(error)) return undefined
  const message = error['message']
  return {
    code: codeIn(error['code']) ?? codeIn(error['type']) ?? 'upstream_error',
    message: typeof message === 'string' ? message : 'The provider stated an error without a message.',
  }
}

/** A code is a short text, or a number; anything else from outside is none. */
function codeIn(value: unknown): string | undefined {
  return typeof value === 'number' ? String(value) : word(value)
}

/** A provider's own error body as such an event; `undefined` where it states none. */
export function openaiStatedEvent(body: Uint8Array): string | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString())
    return statedError(value) && `data: ${JSON.stringify(value)}\n\n`
  } catch {
    return undefined
  }
}
