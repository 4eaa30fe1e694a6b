import { openaiCompatible } from '../openai-compatible.ts'

/** A server of yours, which wants a key where it was started with one. */
export const vllm = openaiCompatible({ id: 'vllm', baseUrl: 'http://127.0.0.1:8000/v1', credential: 'optional' })
