import { openaiCompatible } from '../openai-compatible.ts'

/** The provider in the box: an ordinary adapter; its server is behind a private socket (server.ts). */
export const sandbox = openaiCompatible({ id: 'sandbox', baseUrl: 'http://sandbox/v1', credential: 'none' })
