import { openaiCompatible } from '../openai-compatible.ts'

/** A route of a Pydantic AI Gateway, which stands for one provider behind it. */
export const pydanticGateway = openaiCompatible({ id: 'pydantic-gateway' })
