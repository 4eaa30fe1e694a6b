import type { Asked, JsonBody, Prompt } from '../../domain/call.ts'
import { Fault } from '../../domain/fault.ts'
import { isObject } from '../json-value.ts'
import { type Body, choicesMax, invalid, modelOf, wholeNumber } from '../request-fields.ts'
import { streamingOf } from '../stream-options.ts'
import { textOf } from './choice.ts'

/** Reads what a chat completion request asks for. Fields that we do not need are the provider's to judge. */
export function readChatRequest({ value: body }: JsonBody): Asked {
  const messages = body['messages']
  if (messages === undefined) {
    throw new Fault('missing_required_parameter', "Missing required parameter: 'messages'.", { param: 'messages' })
  }
  if (!Array.isArray(messages) || messages.length === 0) throw invalid('messages', 'a list of at least one message')
  const choices = wholeNumber(body, 'n', 1, choicesMax) ?? 1
  const outputMax = wholeNumber(body, 'max_completion_tokens') ?? wholeNumber(body, 'max_tokens')
  return {
    model: modelOf(body),
    ...streamingOf(body),
    outputTokensMax: outputMax === undefined ? undefined : outputMax * choices,
    choices,
    user: typeof body['user'] === 'string' ? body['user'] : undefined,
    prompt: () => promptOf(body),
  }
}

/** Every text of the request that the model reads, for the tokenizer. */
function promptOf(body: Body): Prompt {
  const messages = Array.isArray(body['messages']) ? body['messages'].filter(isObject) : []
  const texts = messages.flatMap((message) => [
    ...(typeof message['role'] === 'string' ? [message['role']] : []),
    ...(typeof message['name'] === 'string' ? [message['name']] : []),
    ...textOf(message),
  ])
  for (const name of ['tools', 'functions'] as const) if (body[name]) texts.push(JSON.stringify(body[name]))
  const format = body['response_format']
  if (isObject(format) && format['json_schema']) texts.push(JSON.stringify(format['json_schema']))
  return { texts, messages: messages.length }
}
