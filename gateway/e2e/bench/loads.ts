/** The loads of the bench, and what is aimed at under each. */
import { answerBytes, answerTokens } from './answers.ts'
import type { Load } from './load-spec.ts'
import type { LoadId } from './options.ts'

/** A load before it is known whom it is for. */
export interface Shape extends Pick<Load, 'path' | 'body' | 'expected' | 'connections' | 'drainMs' | 'arrival'> {
  readonly id: LoadId
  readonly title: string
  /** What is counted against the CPU: answers, or the events of paced streams. */
  readonly work: 'answers' | 'chunks'
  /** Tokens that one answer states. */
  readonly tokens: number
  /** Payload bytes of one unit of work. */
  readonly unitBytes: number
  /** Which latency matters here, if any. */
  readonly latency: 'total' | 'first' | undefined
  readonly aim: Aim
}

/** What is aimed at: of CPU as a ratio to bare, of added latency in milliseconds. */
interface Aim {
  readonly cpu?: string
  readonly latency?: string
}

const chat = '/v1/chat/completions'
const burst = { kind: 'closed', rampMs: 0 } as const

export function shapeOf(id: LoadId, rate: number): Shape {
  switch (id) {
    case 'non-stream':
      return { ...whole(id, 'whole answers, 1 KiB asked', 1024), aim: { cpu: '≥ 0.80' } }
    case '32k':
      return { ...whole(id, 'whole answers, 32 KiB asked', 32_768), aim: { cpu: '≥ 0.80' } }
    case 'stream':
      return { ...streamed(id, '64-chunk streams, at once', 64, 64, undefined), aim: { cpu: '≥ 0.90' } }
    case 'paced':
      return {
        ...streamed(id, '500 streams, a chunk each 100 ms', 500, 32, 100),
        latency: 'first',
        aim: { cpu: '≤ 1.15', latency: '≤ 1.3' },
      }
    case 'memory':
      return { ...streamed(id, '1000 streams, a chunk each 500 ms', 1000, 16, 500), aim: {} }
    case 'latency':
      return {
        ...whole(id, `whole answers, ${rate} a second`, 1024),
        arrival: { kind: 'open', perSecond: rate },
        latency: 'total',
        aim: { latency: '≤ 0.30' },
      }
    case 'embeddings': {
      const bytes = answerBytes.embeddings
      const body = JSON.stringify({ model: 'text-embedding-3-small', input: prose(900), encoding_format: 'base64' })
      return {
        ...whole(id, 'embeddings, 8 KiB answered', 1024),
        ...answered(bytes),
        path: '/v1/embeddings',
        tokens: answerTokens.embeddings,
        body,
        aim: {},
      }
    }
  }
}

function whole(id: LoadId, title: string, askedBytes: number): Omit<Shape, 'aim'> {
  const body = question(askedBytes, {})
  const common = { path: chat, body, connections: 64, drainMs: 10_000, arrival: burst, latency: undefined } as const
  return { id, title, work: 'answers', tokens: answerTokens.chat, ...common, ...answered(answerBytes.chat) }
}

function answered(bytes: number): Pick<Shape, 'expected' | 'unitBytes'> {
  return { expected: { bytes, stream: false }, unitBytes: bytes }
}

function streamed(
  id: LoadId,
  title: string,
  connections: number,
  events: number,
  paceMs: number | undefined,
): Omit<Shape, 'aim'> {
  const bytes = answerBytes.stream(events)
  const lastsMs = events * (paceMs ?? 0)
  return {
    id,
    title,
    path: chat,
    body: question(1024, { stream: true, max_tokens: events, ...(paceMs === undefined ? {} : { seed: paceMs }) }),
    expected: { bytes, stream: true },
    tokens: answerTokens.chat,
    connections,
    drainMs: lastsMs + 10_000,
    arrival: { kind: 'closed', rampMs: lastsMs },
    work: paceMs === undefined ? 'answers' : 'chunks',
    unitBytes: paceMs === undefined ? bytes : bytes / events,
    latency: undefined,
  }
}

/** A chat request of about so many bytes. */
function question(bytes: number, more: Readonly<Record<string, unknown>>): string {
  const system = { role: 'system', content: 'You are the mock of a bench. Answer at once.' }
  const user = { role: 'user', content: prose(bytes - 240) }
  return JSON.stringify({ model: 'gpt-4o-mini', max_tokens: 64, temperature: 0.7, ...more, messages: [system, user] })
}

/** Words, not one letter over and over: what reads text for a living reads that at another speed. */
function prose(bytes: number): string {
  const sentence = 'The keeper of the gate counts every cart that passes, and writes it down before the toll is paid. '
  return sentence.repeat(Math.ceil(bytes / sentence.length)).slice(0, bytes)
}
