import { openaiCompatible } from '../openai-compatible.ts'

export const moonshot = openaiCompatible({ id: 'moonshot', baseUrl: 'https://api.moonshot.ai/v1' })
