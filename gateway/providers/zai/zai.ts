import { openaiCompatible } from '../openai-compatible.ts'
import { badCredential } from '../openai-verdict.ts'

/** Codes are numbers of its own. Those of 1110 to 1121 say by 429 that the account is empty, locked or not there. */
export const zai = openaiCompatible({
  id: 'zai',
  baseUrl: 'https://api.z.ai/api/paas/v4',
  verdict: ({ words: [code = ''] }) => (/^11[12]\d$/.test(code) ? badCredential : undefined),
})
