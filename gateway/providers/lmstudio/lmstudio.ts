import { openaiCompatible } from '../openai-compatible.ts'

/** A model on a machine of yours. */
export const lmstudio = openaiCompatible({
  id: 'lmstudio',
  baseUrl: 'http://127.0.0.1:1234/v1',
  credential: 'optional',
})
