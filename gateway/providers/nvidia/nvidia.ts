import { openaiCompatible } from '../openai-compatible.ts'

export const nvidia = openaiCompatible({ id: 'nvidia', baseUrl: 'https://integrate.api.nvidia.com/v1' })
