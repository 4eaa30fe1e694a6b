import type { ResponseHead } from '../dialects/meter.ts'

const forwarded = ['content-type', 'openai-processing-ms', 'openai-version'] as const

/** What keeps proxies between us and the client from holding a stream back. */
export const streamHeaders = { 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' }

/**
 * The provider's headers that the client gets. An allow-list: nothing of them that names our account, sets cookies or
 * speaks about the provider's own connection.
 */
export function answerHeaders(head: ResponseHead | undefined, secret: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of forwarded) {
    const value = head?.headers[name]
    if (typeof value === 'string' && !(secret && value.includes(secret))) headers[name] = value
  }
  return isEventStream(headers['content-type']) ? { ...headers, ...streamHeaders } : headers
}

export function isEventStream(contentType: string | undefined): boolean {
  return contentType?.toLowerCase().startsWith('text/event-stream') === true
}
