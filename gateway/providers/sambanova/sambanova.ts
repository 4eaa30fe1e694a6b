import { openaiCompatible } from '../openai-compatible.ts'

export const sambanova = openaiCompatible({ id: 'sambanova', baseUrl: 'https://api.sambanova.ai/v1' })
