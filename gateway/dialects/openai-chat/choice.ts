import { isObject } from '../json-value.ts'
import type { ChoiceReader } from '../openai-choice.ts'

/** A chat's choice holds a message, or what a chunk adds to it. */
export const chatChoice: ChoiceReader = {
  /** Text, thought, a refusal, a tool call, sound. */
  says({ delta }) {
    if (!isObject(delta)) return false
    return Object.entries(delta).some(
      ([name, value]) => name !== 'role' && value !== null && value !== '' && !isEmpty(value),
    )
  },
  texts: ({ delta, message }) => textOf(delta ?? message),
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

/** Every piece of text that a delta or message says, however its provider names it. */
export function* textOf(message: unknown): Generator<string> {
  if (!isObject(message)) return
  for (const name of ['reasoning_content', 'reasoning', 'content', 'refusal'] as const) {
    const value = message[name]
    if (typeof value === 'string') yield value
    else if (Array.isArray(value)) for (const part of value) yield* textOfPart(part)
  }
  const calls = message['tool_calls']
  if (!Array.isArray(calls)) return
  for (const call of calls) {
    const called = isObject(call) ? call['function'] : undefined
    if (!isObject(called)) continue
    if (typeof called['name'] === 'string') yield called['name']
    if (typeof called['arguments'] === 'string') yield called['arguments']
  }
}

function* textOfPart(part: unknown): Generator<string> {
  if (!isObject(part)) return
  if (typeof part['text'] === 'string') yield part['text']
  if (Array.isArray(part['thinking'])) for (const inner of part['thinking']) yield* textOfPart(inner)
}
