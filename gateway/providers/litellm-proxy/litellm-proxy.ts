import { openaiCompatible } from '../openai-compatible.ts'

/** A proxy of yours, which wants a key where it has a master key. */
export const litellmProxy = openaiCompatible({
  id: 'litellm-proxy',
  baseUrl: 'http://127.0.0.1:4000/v1',
  credential: 'optional',
})
