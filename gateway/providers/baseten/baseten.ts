import { openaiCompatible } from '../openai-compatible.ts'

export const baseten = openaiCompatible({ id: 'baseten', baseUrl: 'https://inference.baseten.co/v1' })
