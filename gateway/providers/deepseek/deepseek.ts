import { basePath, openaiCompatible } from '../openai-compatible.ts'
import { notHere } from '../openai-verdict.ts'

/** Plain completions are a beta, at a path of their own; an unknown model has no code to be known by. */
export const deepseek = openaiCompatible({
  id: 'deepseek',
  baseUrl: 'https://api.deepseek.com',
  path(endpoint, { connection }) {
    const base = basePath(connection)
    return endpoint === '/completions' ? `${base.replace(/\/(v1|beta)$/, '')}/beta${endpoint}` : base + endpoint
  },
  verdict: ({ status, message }) => (status === 400 && message === 'Model Not Exist' ? notHere : undefined),
})
