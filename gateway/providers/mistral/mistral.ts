import { openaiCompatible } from '../openai-compatible.ts'

/** States usage in every stream, and answers 422 to a request that asks for it. */
export const mistral = openaiCompatible({
  id: 'mistral',
  baseUrl: 'https://api.mistral.ai/v1',
  streamOptions: () => false,
})
