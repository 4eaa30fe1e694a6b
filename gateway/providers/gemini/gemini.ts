import { isObject } from '../../dialects/json-value.ts'
import { openaiCompatible } from '../openai-compatible.ts'
import { badCredential } from '../openai-verdict.ts'

/** Gemini through its OpenAI endpoint. A wrong key is a 400 there, with its reason among the details. */
export const gemini = openaiCompatible({
  id: 'gemini',
  baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai',
  verdict({ error: { details } }) {
    const wrongKey =
      Array.isArray(details) && details.some((each) => isObject(each) && each['reason'] === 'API_KEY_INVALID')
    return wrongKey ? badCredential : undefined
  },
})
