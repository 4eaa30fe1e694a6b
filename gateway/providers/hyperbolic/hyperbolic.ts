import { openaiCompatible } from '../openai-compatible.ts'

export const hyperbolic = openaiCompatible({ id: 'hyperbolic', baseUrl: 'https://api.hyperbolic.xyz/v1' })
