import { openaiCompatible } from '../openai-compatible.ts'

export const cohere = openaiCompatible({ id: 'cohere', baseUrl: 'https://api.cohere.ai/compatibility/v1' })
