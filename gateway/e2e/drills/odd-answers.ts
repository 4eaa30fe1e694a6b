import { gzipSync } from 'node:zlib'
import { completion, doneEvent, event } from '../upstream.ts'
import {
  beginningFrom,
  ending,
  json,
  sayBody,
  sayEvents,
  sse,
  streamFrom,
  textFrom,
  well,
  wholeFrom,
} from './answers.ts'
import type { Exchange, Play } from './misbehaving-upstream.ts'

/** A stream of these events; where a whole answer was asked for, one in which nothing is odd. */
function streams(events: (role: string) => readonly string[]): Play {
  return async (exchange) => {
    if (!exchange.stream) return well(exchange)
    await sayEvents(exchange, events(exchange.role))
    exchange.finish()
  }
}

/** A stream with its lines ended by these characters. */
function endsLinesBy(end: string): Play {
  return streams((role) => [streamFrom(role).replaceAll('\n', end)])
}

function packed(exchange: Exchange): void {
  const bytes = gzipSync(exchange.stream ? streamFrom(exchange.role) : wholeFrom(exchange.role))
  const type = exchange.stream ? sse : json
  exchange.head(200, [type, ['content-encoding', 'gzip'], ['content-length', String(bytes.length)]])
  exchange.raw(bytes)
}

/** Answers that are odd and all the same right, or that only look like answers. */
export const oddAnswers = {
  well,
  packed,
  'other-line-ends-crlf': endsLinesBy('\r\n'),
  'other-line-ends-cr': endsLinesBy('\r'),
  'byte-order-mark': streams((role) => [`\uFEFF${streamFrom(role)}`]),
  comments: streams((role) => [
    ': hello\n\n',
    ...beginningFrom(role).flatMap((each) => [each, ': still here\n\n']),
    ...ending,
  ]),
  'byte-by-byte': async (exchange) => {
    if (!exchange.stream) return well(exchange)
    exchange.head(200, [sse])
    for (const byte of streamFrom(exchange.role)) {
      exchange.say(byte)
      await new Promise(setImmediate)
    }
    exchange.finish()
  },
  'malformed-event': streams((role) => [
    ...beginningFrom(role),
    'data: {"id":\n\n',
    'event: odd\nid: 7\n\n',
    ...ending,
  ]),
  'no-done': streams((role) => [...beginningFrom(role), event({}, 'stop')]),
  'no-finish-reason': streams((role) => [...beginningFrom(role), doneEvent]),
  'no-usage': streams((role) => [...beginningFrom(role), event({}, 'stop'), doneEvent]),
  'interim-flood': async (exchange) => {
    for (let sent = 0; sent < 2_000; sent++) exchange.raw('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n')
    await well(exchange)
  },
  'more-than-the-length': async (exchange) => {
    sayBody(exchange, 200, wholeFrom(exchange.role))
    exchange.raw('{"and":"more"}')
  },
  'whole-to-stream': (exchange) => sayBody(exchange, 200, wholeFrom(exchange.role)),
  'no-content-type': async (exchange) => {
    exchange.head(200, [])
    exchange.say(exchange.stream ? streamFrom(exchange.role) : wholeFrom(exchange.role))
    exchange.finish()
  },
  'whole-without-usage': (exchange) => sayBody(exchange, 200, completion(textFrom(exchange.role), null)),
  'stream-to-whole': async (exchange) => {
    await sayEvents(exchange, [...beginningFrom(exchange.role), ...ending])
    exchange.finish()
  },
} as const satisfies Readonly<Record<string, Play>>
