import { openaiCompatible } from '../openai-compatible.ts'

export const huggingface = openaiCompatible({ id: 'huggingface', baseUrl: 'https://router.huggingface.co/v1' })
