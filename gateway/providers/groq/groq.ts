import { openaiCompatible } from '../openai-compatible.ts'
import { limited } from '../openai-verdict.ts'

/** Says by 498 that its flex tier has no room now. */
export const groq = openaiCompatible({
  id: 'groq',
  baseUrl: 'https://api.groq.com/openai/v1',
  verdict: ({ status }) => (status === 498 ? limited : undefined),
})
