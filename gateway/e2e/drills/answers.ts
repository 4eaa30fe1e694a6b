import { completion, doneEvent, event, usageEvent } from '../upstream.ts'
import type { Exchange, Play } from './misbehaving-upstream.ts'

type Header = readonly [name: string, value: string]

export const json: Header = ['content-type', 'application/json']
export const sse: Header = ['content-type', 'text/event-stream; charset=utf-8']

/** What stands in a stream before its content. */
export const preamble = event({ role: 'assistant', content: '' })

/** The text of an answer that is as it should be, which says who gave it. */
export function textFrom(role: string): string {
  return `Hi from ${role}.`
}

export function wholeFrom(role: string): string {
  return completion(textFrom(role))
}

/** The events up to the content, and those behind it. */
export function beginningFrom(role: string): readonly string[] {
  return [preamble, event({ content: textFrom(role) })]
}
export const ending: readonly string[] = [event({}, 'stop'), usageEvent, doneEvent]

export function streamFrom(role: string): string {
  return [...beginningFrom(role), ...ending].join('')
}

/** Events one after the other, as tokens come: each in a packet of its own. */
export async function sayEvents(exchange: Exchange, events: readonly string[]): Promise<void> {
  exchange.head(200, [sse])
  for (const each of events) {
    exchange.say(each)
    await exchange.wait(1)
  }
}

export function sayBody(exchange: Exchange, status: number, text: string, headers: readonly Header[] = []): void {
  exchange.head(status, [json, ...headers, ['content-length', String(Buffer.byteLength(text))]])
  exchange.say(text)
}

export const well: Play = async (exchange) => {
  if (!exchange.stream) return sayBody(exchange, 200, wholeFrom(exchange.role))
  await sayEvents(exchange, [...beginningFrom(exchange.role), ...ending])
  exchange.finish()
}

/** Goes by how its role is just now: well unless `moods` has something else. */
export function moody(moods: ReadonlyMap<string, Play>): Play {
  return (exchange) => (moods.get(exchange.role) ?? well)(exchange)
}
