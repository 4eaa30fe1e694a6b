import { event } from '../upstream.ts'
import { beginningFrom, ending, sayBody, sayEvents, sse, well, wholeFrom } from './answers.ts'
import type { Exchange, Play } from './misbehaving-upstream.ts'

/** Longer than two pings take to come, at one a second. */
const silenceMs = 3_300

/** Nothing for a while, and then this. */
function late(then: Play): Play {
  return async (exchange) => {
    if (await exchange.wait(silenceMs)) await then(exchange)
  }
}

/** Right to the end, but for this long between these events. */
function pausesAfter(count: (events: readonly string[]) => number): Play {
  return async (exchange) => {
    const events = [...beginningFrom(exchange.role), ...ending]
    const first = count(events)
    await sayEvents(exchange, events.slice(0, first))
    if (!(await exchange.wait(silenceMs))) return
    await goOn(exchange, events.slice(first))
  }
}

async function goOn(exchange: Exchange, events: readonly string[]): Promise<void> {
  for (const each of events) exchange.say(each)
  exchange.finish()
}

/** Providers that take their time. */
export const slowAnswers = {
  'late-head': late(well),
  'late-content': pausesAfter(() => 1),
  pause: pausesAfter(() => 2),
  'pause-in-an-event': async (exchange) => {
    const [first = '', second = ''] = beginningFrom(exchange.role)
    await sayEvents(exchange, [first, second, second.slice(0, 40)])
    if (!(await exchange.wait(silenceMs))) return
    await goOn(exchange, [second.slice(40), ...ending])
  },
  'late-500': late((exchange) => sayBody(exchange, 500, '{"error":{"message":"boom","type":"server_error"}}')),
  'late-400': late((exchange) =>
    sayBody(
      exchange,
      400,
      '{"error":{"message":"Too long.","type":"invalid_request_error","param":null,"code":"too_long"}}',
    ),
  ),
  'late-reset': late((exchange) => exchange.reset()),
  'late-whole': late((exchange) => sayBody(exchange, 200, wholeFrom(exchange.role))),
  'preamble-late-reset': async (exchange) => {
    await sayEvents(exchange, beginningFrom(exchange.role).slice(0, 1))
    if (await exchange.wait(silenceMs)) exchange.reset()
  },
  'pause-reset': async (exchange) => {
    await sayEvents(exchange, beginningFrom(exchange.role))
    if (await exchange.wait(silenceMs)) exchange.reset()
  },
  /** Words without end, for as long as somebody takes them. */
  endless: async (exchange) => {
    exchange.head(200, [sse])
    do exchange.say(event({ content: ' word' }))
    while (await exchange.wait(50))
  },
} as const satisfies Readonly<Record<string, Play>>
