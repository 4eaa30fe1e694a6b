import { openaiCompatible } from '../openai-compatible.ts'

/** Any server that speaks OpenAI's dialects: a connection of this provider says where it is. */
export const compatible = openaiCompatible({ id: 'compatible', credential: 'optional' })
