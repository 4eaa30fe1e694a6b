import { openaiCompatible } from '../openai-compatible.ts'

export const heroku = openaiCompatible({ id: 'heroku', baseUrl: 'https://us.inference.heroku.com/v1' })
