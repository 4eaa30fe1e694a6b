import type { Reading } from '../../domain/usage.ts'
import { isObject, type JsonObject, word } from '../json-value.ts'
import { statedError } from '../openai-error.ts'
import { keepable, readUsage } from '../openai-usage.ts'

/**
 * Reads an embeddings answer. All its tokens are input; some providers state only a total. A stated total of nothing
 * for vectors that are there is no count (Voyage does it), so it is left to the tokenizer.
 */
export function readEmbeddingsAnswer(body: JsonObject): Reading {
  const raw = body['usage']
  const stated = readUsage(raw)
  const input = stated?.usage.input ?? 0
  const known = stated !== undefined && (input > 0 || !isObject(raw) || raw['prompt_tokens'] !== undefined)
  const error = statedError(body)
  const model = word(body['model'])
  return {
    usage: known ? { ...stated.usage, output: 0 } : {},
    source: known ? 'provider' : 'none',
    ...(known ? { raw: keepable(raw) } : { said: '' }),
    ...(model !== undefined && { servedModel: model }),
    ...(known && stated.cost !== undefined && { providerCost: stated.cost }),
    ...(known && stated.invalid && { invalid: true }),
    ...(error && { error }),
  }
}
