import { invalid, missing, unknownModel } from './api-error.ts'
import { countOf, fieldsOf, oneOf, textOf } from './fields.ts'
import { tokensOf } from './tokens.ts'

const dimensionsByDefault = 256
const dimensionsMax = 3_072
const inputsMax = 2_048

export const embeddingModels: readonly string[] = ['sandbox/embed']

/** The answer to a request for embeddings. */
export function embeddingsOf(body: unknown): object {
  const fields = fieldsOf(body, 'body')
  const model = textOf(fields['model'], 'model')
  if (!embeddingModels.includes(model)) throw unknownModel(model)
  const inputs = inputsOf(fields['input'])
  const dimensions = countOf(fields['dimensions'], 'dimensions', 1, dimensionsMax) ?? dimensionsByDefault
  const format = oneOf(fields['encoding_format'] ?? 'float', 'encoding_format', ['float', 'base64'])
  const data = inputs.map((tokens, index) => {
    const vector = vectorOf(tokens, dimensions)
    const embedding = format === 'float' ? [...vector] : base64Of(vector)
    return { object: 'embedding', index, embedding }
  })
  const promptTokens = inputs.reduce((sum, tokens) => sum + tokens.length, 0)
  return { object: 'list', data, model, usage: { prompt_tokens: promptTokens, total_tokens: promptTokens } }
}

/** One text, several, one list of token numbers, or several: each as its tokens. */
function inputsOf(input: unknown): readonly (readonly string[])[] {
  if (input === undefined || input === null) throw missing('input')
  const inputs: readonly unknown[] =
    typeof input === 'string' || isTokens(input) ? [input] : Array.isArray(input) ? input : []
  const tokens = inputs.map((one) => (typeof one === 'string' ? tokensOf(one) : isTokens(one) ? one.map(String) : []))
  if (tokens.length === 0 || tokens.length > inputsMax || tokens.some((one) => one.length === 0)) {
    throw invalid('input', `a text that is not empty, a list of tokens, or up to ${inputsMax} of either`)
  }
  return tokens
}

function isTokens(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => Number.isInteger(one) && one >= 0)
}

/** A unit vector: each token adds a direction of its own, so that texts with words in common lie near each other. */
function vectorOf(tokens: readonly string[], dimensions: number): Float32Array {
  const sum = new Float64Array(dimensions)
  for (const token of tokens) addDirection(sum, token)
  const length = Math.hypot(...sum)
  return Float32Array.from(sum, (value) => value / length)
}

function addDirection(sum: Float64Array, token: string): void {
  let state = hashOf(token.trim().toLowerCase())
  for (let i = 0; i < sum.length; i++) {
    // mulberry32: a counter, mixed. Never zero here, because of the half.
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    sum[i] = (sum[i] ?? 0) + (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 31 - 1
  }
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}

/** Little-endian 32-bit floats, as OpenAI packs them. */
function base64Of(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4)
  vector.forEach((value, i) => {
    bytes.writeFloatLE(value, i * 4)
  })
  return bytes.toString('base64')
}
