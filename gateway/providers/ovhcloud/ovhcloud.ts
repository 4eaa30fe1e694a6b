import { openaiCompatible } from '../openai-compatible.ts'

export const ovhcloud = openaiCompatible({
  id: 'ovhcloud',
  baseUrl: 'https://oai.endpoints.kepler.ai.cloud.ovh.net/v1',
})
