import { openaiCompatible } from '../openai-compatible.ts'

export const openai = openaiCompatible({ id: 'openai', baseUrl: 'https://api.openai.com/v1' })
