import type { Asked, JsonBody } from '../../domain/call.ts'
import { Fault } from '../../domain/fault.ts'
import { invalid, modelOf, textsAndTokens } from '../request-fields.ts'

/** Reads what an embeddings request asks for. */
export function readEmbeddingsRequest({ value: body }: JsonBody): Asked {
  const input = body['input']
  if (input === undefined || input === null) {
    throw new Fault('missing_required_parameter', "Missing required parameter: 'input'.", { param: 'input' })
  }
  if (typeof input !== 'string' && !Array.isArray(input)) throw invalid('input', 'a text, or a list of texts or tokens')
  if (input.length === 0) throw invalid('input', 'something to embed')
  return {
    model: modelOf(body),
    stream: false,
    streamUsage: false,
    outputTokensMax: 0,
    choices: 1,
    user: typeof body['user'] === 'string' ? body['user'] : undefined,
    prompt: () => ({ ...textsAndTokens(body['input']), messages: 0 }),
  }
}
