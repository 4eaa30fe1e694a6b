import { openaiCompatible } from '../openai-compatible.ts'

export const novita = openaiCompatible({ id: 'novita', baseUrl: 'https://api.novita.ai/openai/v1' })
