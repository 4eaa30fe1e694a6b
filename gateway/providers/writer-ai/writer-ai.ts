import { basePath, openaiCompatible } from '../openai-compatible.ts'

/** Its chat endpoint is called `/chat`. (Of the folder's name see `together-ai`.) */
export const writer = openaiCompatible({
  id: 'writer',
  baseUrl: 'https://api.writer.com/v1',
  path: (endpoint, { connection }) => basePath(connection) + endpoint.replace('/chat/completions', '/chat'),
})
