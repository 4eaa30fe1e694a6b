import { openaiCompatible } from '../openai-compatible.ts'

/** Amazon Bedrock's OpenAI endpoint, whose host names a region: `https://bedrock-mantle.us-east-1.api.aws/v1`. */
export const bedrockMantle = openaiCompatible({ id: 'bedrock-mantle' })
