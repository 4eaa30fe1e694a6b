import type { Asked } from '../domain/call.ts'
import { isObject } from './json-value.ts'
import { type Body, invalid } from './request-fields.ts'

/** Whether an answer is to be streamed, and its usage told in the stream. */
export function streamingOf(body: Body): Pick<Asked, 'stream' | 'streamUsage'> {
  const stream = body['stream'] ?? false
  if (typeof stream !== 'boolean') throw invalid('stream', 'true or false')
  const options = body['stream_options'] ?? {}
  if (!isObject(options)) throw invalid('stream_options', 'an object')
  return { stream, streamUsage: options['include_usage'] === true }
}

/** The value of `stream_options` that asks for usage and keeps whatever else the client set there. */
export function streamOptionsWithUsage(body: Body): string {
  const options = body['stream_options']
  return JSON.stringify({ ...(isObject(options) ? options : {}), include_usage: true })
}
