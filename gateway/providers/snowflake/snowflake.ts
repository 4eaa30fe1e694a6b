import { openaiCompatible } from '../openai-compatible.ts'

/** Cortex, whose host names an account: `https://….snowflakecomputing.com/api/v2/cortex/v1`. */
export const snowflake = openaiCompatible({ id: 'snowflake' })
