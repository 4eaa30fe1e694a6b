import { openaiCompatible } from '../openai-compatible.ts'

export const deepinfra = openaiCompatible({ id: 'deepinfra', baseUrl: 'https://api.deepinfra.com/v1/openai' })
