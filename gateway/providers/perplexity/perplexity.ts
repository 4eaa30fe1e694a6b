import { basePath, openaiCompatible } from '../openai-compatible.ts'

/** Chat is at the root, the rest below `/v1`. Every chunk states usage, whether asked or not. */
export const perplexity = openaiCompatible({
  id: 'perplexity',
  baseUrl: 'https://api.perplexity.ai',
  path: (endpoint, { connection }) =>
    basePath(connection).replace(/\/v1$/, '') + (endpoint === '/chat/completions' ? endpoint : `/v1${endpoint}`),
  streamOptions: () => false,
})
