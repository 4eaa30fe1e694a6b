import { openaiCompatible } from '../openai-compatible.ts'

export const crusoe = openaiCompatible({ id: 'crusoe', baseUrl: 'https://api.inference.crusoecloud.com/v1' })
