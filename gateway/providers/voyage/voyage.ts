import { openaiCompatible } from '../openai-compatible.ts'

export const voyage = openaiCompatible({ id: 'voyage', baseUrl: 'https://api.voyageai.com/v1' })
