import { openaiCompatible } from '../openai-compatible.ts'

/** Its id is a word of English, so the folder has another name: what is named here may be named nowhere else. */
export const together = openaiCompatible({ id: 'together', baseUrl: 'https://api.together.ai/v1' })
