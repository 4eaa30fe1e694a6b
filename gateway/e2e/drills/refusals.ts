import { json, sayBody, well } from './answers.ts'
import type { Play } from './misbehaving-upstream.ts'

type Header = readonly [name: string, value: string]

/** An answer with an error status, whose body says what `said` says of the error. */
function refuses(status: number, said: Readonly<Record<string, unknown>>, ...headers: readonly Header[]): Play {
  const error = { message: 'The provider says no.', type: 'server_error', param: null, code: null, ...said }
  return (exchange) => sayBody(exchange, status, JSON.stringify({ error }), headers)
}

function limited(...headers: readonly Header[]): Play {
  return refuses(429, { message: 'Rate limit reached.', type: 'requests', code: 'rate_limit_exceeded' }, ...headers)
}

const retryInfo = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '12s' }

/** Providers that say no, in all the ways there are. */
export const refusals = {
  '400': refuses(400, { type: 'invalid_request_error', code: 'bad_thing', param: 'messages' }),
  '401': refuses(401, { message: 'Incorrect API key: upstream-key', type: 'invalid_request_error' }),
  '402': refuses(402, { message: 'Insufficient Balance', type: 'unknown_error', code: 'invalid_request_error' }),
  '403': refuses(403, { message: 'upstream-key may not do this.', type: 'permission_error' }),
  '404': refuses(404, { type: 'invalid_request_error', code: 'model_not_found' }),
  '408': refuses(408, { type: 'timeout' }),
  '422': refuses(422, { type: 'invalid_request_error', code: 'unprocessable' }),
  '500': refuses(500, { code: 'boom' }),
  '503': refuses(503, { code: 'overloaded' }),
  '504': refuses(504, { code: 'gateway_timeout' }),
  '529': refuses(529, { type: 'overloaded_error', code: 'overloaded' }),
  '503-retry-after': refuses(503, { code: 'overloaded' }, ['retry-after', '9']),
  '429-seconds': limited(['retry-after', '7']),
  '429-fraction': limited(['retry-after', '1.5']),
  '429-date': (exchange) => limited(['retry-after', new Date(Date.now() + 30_000).toUTCString()])(exchange),
  '429-ms': limited(['retry-after-ms', '2500']),
  '429-soon': limited(['retry-after-ms', '300']),
  '429-absurd': limited(['retry-after', '86400']),
  '429-negative': limited(['retry-after', '-5']),
  '429-garbage': limited(['retry-after', 'soon']),
  '429-bare': limited(),
  '429-hint': refuses(429, { message: 'Please try again in 9.5s. Visit us.', code: 'rate_limit_exceeded' }),
  '429-retry-info': refuses(429, { code: 429, status: 'RESOURCE_EXHAUSTED', details: [retryInfo] }),
  'quota-spent': refuses(429, { type: 'insufficient_quota', code: 'insufficient_quota' }),
  redirect: (exchange) => {
    exchange.head(307, [
      ['location', `/trap/${exchange.role}-trap/v1/chat/completions`],
      ['content-length', '0'],
    ])
  },
  // Where the redirect leads.
  trap: well,
  'refusal-without-end': (exchange) => {
    exchange.head(500, [json])
    exchange.say('{"error":{"message":"and so on')
    return exchange.hang()
  },
  'refusal-of-a-megabyte': async (exchange) => {
    exchange.head(500, [json])
    exchange.say('{"error":{"message":"')
    for (let sent = 0; sent < 16 && (await exchange.wait(1)); sent++) exchange.say('no, '.repeat(16 * 1024))
    exchange.say('"}}')
    exchange.finish()
  },
} as const satisfies Readonly<Record<string, Play>>
