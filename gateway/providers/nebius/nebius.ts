import { openaiCompatible } from '../openai-compatible.ts'

export const nebius = openaiCompatible({ id: 'nebius', baseUrl: 'https://api.tokenfactory.nebius.com/v1' })
