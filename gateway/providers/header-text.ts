import type { ResponseHead } from '../dialects/meter.ts'

/** A header's text; empty where there is none, or several. */
export function textIn(headers: ResponseHead['headers'], name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value.trim() : ''
}
