import { openaiCompatible } from '../openai-compatible.ts'

export const githubModels = openaiCompatible({ id: 'github-models', baseUrl: 'https://models.github.ai/inference' })
