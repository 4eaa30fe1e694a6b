import type { Reading } from '../../domain/usage.ts'
import { statedError } from '../openai-error.ts'
import { keepable, readUsage, word } from '../openai-usage.ts'
import { choicesOf, textOf } from './stream-reader.ts'

/** Reads a whole chat completion. */
export function readChatAnswer(body: Readonly<Record<string, unknown>>): Reading {
  const stated = readUsage(body['usage'])
  const error = statedError(body)
  const choices = choicesOf(body)
  const finish = choices.map((choice) => word(choice['finish_reason'])).find((reason) => reason !== undefined)
  const model = word(body['model'])
  const tier = word(body['service_tier'])
  return {
    usage: stated?.usage ?? {},
    source: stated ? 'provider' : 'none',
    ...(stated
      ? { raw: keepable(body['usage']) }
      : { said: choices.flatMap(({ message }) => [...textOf(message)]).join('') }),
    ...(finish !== undefined && { finish }),
    ...(model !== undefined && { servedModel: model }),
    ...(tier !== undefined && { serviceTier: tier }),
    ...(stated?.cost !== undefined && { providerCost: stated.cost }),
    ...(stated?.invalid && { invalid: true }),
    ...(error && { error }),
  }
}
