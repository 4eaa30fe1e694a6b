import type { Asked, JsonBody } from '../../domain/call.ts'
import { Fault } from '../../domain/fault.ts'
import { type Body, invalid, modelOf } from '../request-fields.ts'

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
    prompt: () => ({ ...inputTexts(body['input']), messages: 0 }),
  }
}

/** Texts to be counted, and tokens that the client has counted itself by sending numbers. */
function inputTexts(input: Body[string]): { texts: readonly string[]; tokens: number } {
  const texts: string[] = []
  let tokens = 0
  const take = (item: unknown) => {
    if (typeof item === 'string') texts.push(item)
    else if (typeof item === 'number') tokens++
    else if (Array.isArray(item)) item.forEach(take)
  }
  take(input)
  return { texts, tokens }
}
