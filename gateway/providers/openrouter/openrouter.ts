import { isObject } from '../../dialects/json-value.ts'
import { resetAfterMs } from '../exhausted.ts'
import { openaiCompatible } from '../openai-compatible.ts'
import { callerFault, notHere } from '../openai-verdict.ts'

/**
 * Codes are HTTP's numbers; what else there is to know stands in `metadata`: the headers of its own limit, and why its
 * moderation refused a text, which is no word about our key although it comes by 403.
 */
export const openrouter = openaiCompatible({
  id: 'openrouter',
  baseUrl: 'https://openrouter.ai/api/v1',
  verdict({ status, message, error }, at) {
    const metadata = isObject(error['metadata']) ? error['metadata'] : {}
    if (status === 403 && Array.isArray(metadata['reasons'])) return callerFault
    if (status === 400 && message.endsWith(' is not a valid model ID')) return notHere
    const cooldownMs = status === 429 ? resetAfterMs(textsIn(metadata['headers']), at) : undefined
    return cooldownMs === undefined ? undefined : { fault: 'limit', failover: true, cooldownMs }
  },
})

function textsIn(headers: unknown): Record<string, string> {
  const entries = isObject(headers) ? Object.entries(headers) : []
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), String(value)]))
}
