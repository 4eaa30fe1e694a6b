import type { Form, Name, Part } from './answer.ts'
import type { Answer } from './models.ts'

/** A chat completion: a message of the assistant's, and what each chunk adds to it. */
export function chatForm(name: Name): Form {
  const { id, created } = name
  const head = { id: `chatcmpl-${id}`, created, service_tier: 'default', system_fingerprint: null }
  return {
    head: { whole: { ...head, object: 'chat.completion' }, chunk: { ...head, object: 'chat.completion.chunk' } },
    whole: (answer, index) => ({ message: messageOf(answer, name, index) }),
    opening: ({ call }) => ({ delta: { role: 'assistant', content: call === undefined ? '' : null, refusal: null } }),
    token: (answer, nth, index) => ({ delta: deltaOf(answer, nth, name, index) }),
    closing: { delta: {} },
  }
}

/** The change that the answer's `nth` token makes to choice `index`: thoughts first. */
function deltaOf({ reasoning, content, call }: Answer, nth: number, name: Name, index: number): Part {
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
