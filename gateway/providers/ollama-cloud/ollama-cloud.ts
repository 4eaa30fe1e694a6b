import { openaiCompatible } from '../openai-compatible.ts'

export const ollamaCloud = openaiCompatible({ id: 'ollama-cloud', baseUrl: 'https://ollama.com/v1' })
