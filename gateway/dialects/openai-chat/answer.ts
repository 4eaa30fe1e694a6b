import type { Reading } from '../../domain/usage.ts'
import { statedError } from '../openai-error.ts'
import { readUsage } from '../openai-usage.ts'
import { choicesOf, textOf } from './stream-reader.ts'

/** Reads a whole chat completion. */
export function readChatAnswer(body: Readonly<Record<string, unknown>>): Reading {
  const stated = readUsage(body['usage'])
  const error = statedError(body)
  const choices = choicesOf(body)
  const finish = choices.find((choice) => typeof choice['finish_reason'] === 'string')?.['finish_reason']
  const { model, service_tier: tier } = body
  return {
    usage: stated?.usage ?? {},
    source: stated ? 'provider' : 'none',
    ...(stated ? { raw: body['usage'] } : { said: choices.flatMap(({ message }) => [...textOf(message)]).join('') }),
    ...(typeof finish === 'string' && { finish }),
    ...(typeof model === 'string' && model !== '' && { servedModel: model }),
    ...(typeof tier === 'string' && { serviceTier: tier }),
    ...(stated?.cost !== undefined && { providerCost: stated.cost }),
    ...(stated?.invalid && { invalid: true }),
    ...(error && { error }),
  }
}
