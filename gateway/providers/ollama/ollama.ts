import { openaiCompatible } from '../openai-compatible.ts'

/** A model on a machine of yours; of another than this one, `base_url` says where it is. */
export const ollama = openaiCompatible({ id: 'ollama', baseUrl: 'http://127.0.0.1:11434/v1', credential: 'none' })
