import { completion, event, usageEvent } from '../upstream.ts'
import { beginningFrom, sayBody, sayEvents, sse, well } from './answers.ts'
import { brokenAfterContent, brokenBeforeContent } from './broken-answers.ts'
import type { Play } from './misbehaving-upstream.ts'
import { oddAnswers } from './odd-answers.ts'
import { refusals } from './refusals.ts'
import { slowAnswers } from './slow-answers.ts'

/** What a provider that states its usage as it goes puts on every event: 5 and 2 so far. */
const soFar = { usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } }

const zero = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }

const statedError = JSON.stringify({
  error: { message: 'It broke down.', type: 'server_error', param: null, code: 'broke_down' },
  ...soFar,
})

const endlessWithUsage: Play = async (exchange) => {
  exchange.head(200, [sse])
  do exchange.say(event({ content: ' word' }, null, soFar))
  while (await exchange.wait(50))
}

const resetWithUsage: Play = async (exchange) => {
  await sayEvents(exchange, [event({ content: ' word' }, null, soFar), event({ content: ' word' }, null, soFar)])
  await exchange.wait(25)
  exchange.reset()
}

const resetBehindUsage: Play = async (exchange) => {
  await sayEvents(exchange, [...beginningFrom(exchange.role), event({}, 'stop'), usageEvent])
  await exchange.wait(25)
  exchange.reset()
}

/** What the provider does in each case of `interrupted-calls.md`, by the case's name. */
export const interruptedAnswers = {
  whole: well,
  'whole-zero': (exchange) => sayBody(exchange, 200, completion('Hi', zero)),
  'whole-unstated': oddAnswers['whole-without-usage'],
  'left-headless': brokenBeforeContent.silent,
  'left-contentless': brokenBeforeContent['silent-after-preamble'],
  'left-content': slowAnswers.endless,
  'left-partial': endlessWithUsage,
  'left-drained': slowAnswers['late-whole'],
  'late-content': slowAnswers.endless,
  'late-headless': brokenBeforeContent.silent,
  'refused-400': refusals['400'],
  'refused-429': refusals['429-seconds'],
  'refused-500': refusals['500'],
  'refused-words': brokenBeforeContent['error-in-a-whole-200'],
  'refused-stated': (exchange) => sayBody(exchange, 200, statedError),
  'gave-up-504': refusals['504'],
  'reset-headless': brokenBeforeContent['reset-at-once'],
  'silent-headless': brokenBeforeContent.silent,
  'silent-contentless': brokenBeforeContent['silent-after-preamble'],
  garbage: brokenBeforeContent['web-page'],
  'reset-content': brokenAfterContent['cut-reset'],
  'silent-content': brokenAfterContent['silent-in-the-middle'],
  'error-content': brokenAfterContent['error-after-content'],
  'reset-partial': resetWithUsage,
  'reset-stated': resetBehindUsage,
  'shutdown-headless': brokenBeforeContent.silent,
  'shutdown-content': slowAnswers.endless,
  'died-headless': brokenBeforeContent.silent,
  'died-content': slowAnswers.endless,
} as const satisfies Readonly<Record<string, Play>>
