import { openaiCompatible } from '../openai-compatible.ts'

export const scaleway = openaiCompatible({ id: 'scaleway', baseUrl: 'https://api.scaleway.ai/v1' })
