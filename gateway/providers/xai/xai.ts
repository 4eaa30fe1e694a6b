import { openaiCompatible } from '../openai-compatible.ts'
import { badCredential } from '../openai-verdict.ts'

/** Says by 400 that the key is wrong, and by 429 or 403 that the account is empty: only the words tell. */
export const xai = openaiCompatible({
  id: 'xai',
  baseUrl: 'https://api.x.ai/v1',
  verdict: ({ message }) =>
    /^Incorrect API key provided|^Your (?:newly created )?team\b.*\bcredits\b/.test(message)
      ? badCredential
      : undefined,
})
