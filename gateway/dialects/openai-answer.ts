import type { Reading } from '../domain/usage.ts'
import { type JsonObject, word } from './json-value.ts'
import { type ChoiceReader, choicesOf } from './openai-choice.ts'
import { statedError } from './openai-error.ts'
import { keepable, readUsage } from './openai-usage.ts'

/** Reads a whole completion, chat or plain. */
export function readAnswer(body: JsonObject, choice: ChoiceReader): Reading {
  const stated = readUsage(body['usage'])
  const error = statedError(body)
  const choices = choicesOf(body)
  const finish = choices.map((each) => word(each['finish_reason'])).find((reason) => reason !== undefined)
  const model = word(body['model'])
  const tier = word(body['service_tier'])
  return {
    usage: stated?.usage ?? {},
    source: stated ? 'provider' : 'none',
    ...(stated
      ? { raw: keepable(body['usage']) }
      : { said: choices.flatMap((each) => [...choice.texts(each)]).join('') }),
    ...(finish !== undefined && { finish }),
    ...(model !== undefined && { servedModel: model }),
    ...(tier !== undefined && { serviceTier: tier }),
    ...(stated?.cost !== undefined && { providerCost: stated.cost }),
    ...(stated?.invalid && { invalid: true }),
    ...(error && { error }),
  }
}
