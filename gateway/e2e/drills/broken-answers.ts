import { doneEvent, event } from '../upstream.ts'
import { beginningFrom, json, preamble, sayBody, sayEvents, sse, well, wholeFrom } from './answers.ts'
import type { Exchange, Play } from './misbehaving-upstream.ts'

/** What came before the connection ends must have been read by then. */
const apartMs = 25

type Events = (role: string) => readonly string[]

/** The connection ends after these events; where a whole answer was asked for, in the middle of that. */
function breaksOff(after: Events, how: 'reset' | 'close'): Play {
  return async (exchange) => {
    if (exchange.stream) await sayEvents(exchange, after(exchange.role))
    else {
      const text = wholeFrom(exchange.role)
      exchange.head(200, [json, ['content-length', String(text.length)]])
      exchange.say(text.slice(0, text.length / 2))
    }
    await exchange.wait(apartMs)
    exchange[how]()
  }
}

/** Nothing more comes after these events; where a whole answer was asked for, after its beginning. */
function fallsSilent(after: Events): Play {
  return async (exchange) => {
    if (exchange.stream) await sayEvents(exchange, after(exchange.role))
    else {
      exchange.head(200, [json, ['content-length', '1000']])
      exchange.say('{"id":')
    }
    return exchange.hang()
  }
}

/** All is in order but that the answer ends after these events; where a whole one was asked for, in its middle. */
function stopsAfter(events: Events): Play {
  return async (exchange) => {
    if (!exchange.stream) return sayBody(exchange, 200, wholeFrom(exchange.role).slice(0, 100))
    await sayEvents(exchange, events(exchange.role))
    exchange.finish()
  }
}

/** This instead of the next chunk. */
function spoilsChunks(bytes: string, then: (exchange: Exchange) => void | Promise<void>): Play {
  return async (exchange) => {
    if (exchange.stream) await sayEvents(exchange, beginningFrom(exchange.role))
    else exchange.head(200, [json])
    exchange.raw(bytes)
    await exchange.wait(apartMs)
    await then(exchange)
  }
}

function errorBody(code: string, type = 'server_error'): string {
  return JSON.stringify({ error: { message: `It says ${code}.`, type, param: null, code } })
}

function errorEvent(code: string, type?: string): string {
  return `data: ${errorBody(code, type)}\n\n`
}

/** Answers that break before there is content. */
export const brokenBeforeContent = {
  'reset-at-once': (exchange) => exchange.reset(),
  'closed-at-once': (exchange) => exchange.close(),
  silent: (exchange) => exchange.hang(),
  'silent-after-head': fallsSilent(() => []),
  'silent-after-preamble': fallsSilent(() => [preamble, ': working\n\n']),
  'preamble-reset': breaksOff(() => [preamble, ': working\n\n'], 'reset'),
  'preamble-of-63-events': breaksOff(() => Array.from({ length: 63 }, () => preamble), 'reset'),
  'preamble-closed': breaksOff(() => [preamble, preamble], 'close'),
  'comments-closed': breaksOff(() => [': one\n\n', ': two\n\n'], 'close'),
  'preamble-error': stopsAfter(() => [preamble, errorEvent('engine_fire'), doneEvent]),
  'error-first': stopsAfter(() => [errorEvent('engine_fire')]),
  'callers-error-first': stopsAfter(() => [errorEvent('too_long', 'invalid_request_error')]),
  'error-in-a-whole-200': (exchange) => sayBody(exchange, 200, errorBody('engine_fire')),
  'preamble-end': stopsAfter(() => [preamble]),
  empty: (exchange) => {
    exchange.head(200, exchange.stream ? [sse] : [json, ['content-length', '0']])
    exchange.finish()
  },
  'web-page': (exchange) => {
    const page = '<!doctype html><title>Sign in</title><p>Please sign in.\n\n'
    exchange.head(200, [
      ['content-type', 'text/html'],
      ['content-length', String(page.length)],
    ])
    exchange.say(page)
  },
  'two-lengths': (exchange) => {
    const text = wholeFrom(exchange.role)
    exchange.head(200, [json, ['content-length', String(text.length)], ['content-length', String(text.length - 7)]])
    exchange.say(text)
  },
  'length-and-chunks': (exchange) => {
    exchange.head(200, [json, ['content-length', '2'], ['transfer-encoding', 'chunked']])
    exchange.raw('2\r\n{}\r\n0\r\n\r\n')
  },
  'no-http': (exchange) => {
    exchange.raw('220 smtp.example.com ready\r\n')
    exchange.close()
  },
} as const satisfies Readonly<Record<string, Play>>

/** Streams that break when the client has some of their content, or would have. */
export const brokenAfterContent = {
  // Longer than anybody holds back: this is taken for an answer all the same.
  'preamble-of-64-events': breaksOff(() => Array.from({ length: 64 }, () => preamble), 'reset'),
  'preamble-of-300-kilobytes': breaksOff(() => [`: ${'x'.repeat(300_000)}\n\n`, preamble], 'reset'),
  'cut-closed': breaksOff(beginningFrom, 'close'),
  'cut-reset': breaksOff(beginningFrom, 'reset'),
  'cut-before-usage': breaksOff((role) => [...beginningFrom(role), event({}, 'stop')], 'reset'),
  'cut-in-an-event': breaksOff((role) => [...beginningFrom(role), 'data: {"id":"half'], 'close'),
  'cut-in-a-chunk': spoilsChunks('ffff\r\n{"id":', (exchange) => exchange.close()),
  'nonsense-for-a-chunk': spoilsChunks('no hexadecimal number\r\n', (exchange) => exchange.hang()),
  'silent-in-the-middle': fallsSilent(beginningFrom),
  'no-end': stopsAfter(beginningFrom),
  'error-after-content': stopsAfter((role) => [...beginningFrom(role), errorEvent('engine_fire')]),
  'event-without-end': async (exchange) => {
    if (exchange.stream) await sayEvents(exchange, beginningFrom(exchange.role))
    else exchange.head(200, [json])
    const chunk = `40000\r\n${'{"a":'.repeat(0x40000).slice(0, 0x40000)}\r\n`
    while (await exchange.push(chunk));
  },
} as const satisfies Readonly<Record<string, Play>>

/** An idle socket dies at the very moment when the next request is on its way. */
export const deadWhenReused = {
  'reset-when-reused': (exchange) => (exchange.turn === 0 ? well(exchange) : exchange.reset()),
  'closed-when-reused': (exchange) => (exchange.turn === 0 ? well(exchange) : exchange.close()),
} as const satisfies Readonly<Record<string, Play>>
