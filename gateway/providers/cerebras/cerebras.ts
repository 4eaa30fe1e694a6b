import { openaiCompatible } from '../openai-compatible.ts'

export const cerebras = openaiCompatible({ id: 'cerebras', baseUrl: 'https://api.cerebras.ai/v1' })
