import { openaiCompatible } from '../openai-compatible.ts'
import { badCredential } from '../openai-verdict.ts'

/** Says by 412 that the account is suspended, for want of money mostly. */
export const fireworks = openaiCompatible({
  id: 'fireworks',
  baseUrl: 'https://api.fireworks.ai/inference/v1',
  verdict: ({ status, message }) => (status === 412 && /\bsuspended\b/.test(message) ? badCredential : undefined),
})
