import { openaiCompatible } from '../openai-compatible.ts'
import { badCredential, callerFault } from '../openai-verdict.ts'

/** Says by 400 that the key is wrong, and by 403 that the account is empty or that a text is not allowed: only the words tell. */
export const xai = openaiCompatible({
  id: 'xai',
  baseUrl: 'https://api.x.ai/v1',
  verdict: ({ message }) => {
    if (/^Content violates\b/.test(message)) return callerFault
    return /^Incorrect API key provided|^Your (?:newly created )?team\b.*\bcredits\b/.test(message)
      ? badCredential
      : undefined
  },
})
