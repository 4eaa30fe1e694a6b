import { uuidV7 } from '../../../domain/id.ts'
import type { UsageRow } from '../../../domain/usage-row.ts'

/**
 * Rows of a middling installation, the same for the same seed: 3 organisations, 40 keys that each belong to a feature
 * and know one to three models, 8 connections of 5 providers, 12 models, 2,000 users of whom few do much; working hours
 * and weekends, failures, failovers and refusals.
 */
export interface Traffic {
  readonly rows: number
  readonly days: number
  /** Where the last day ends, in milliseconds since the epoch. */
  readonly end: number
  readonly seed: number
}

const hourMs = 3_600_000
const keyCount = 40
const userCount = 2_000

const providers = ['openai', 'anthropic', 'google', 'mistral', 'groq'] as const
const connections = Array.from({ length: 8 }, (_, i) => {
  const provider = providers[i % providers.length] ?? 'openai'
  return { id: `${provider}-${i < providers.length ? 'main' : 'eu'}`, provider }
})
const models = Array.from({ length: 12 }, (_, i) => ({
  name: `model-${String.fromCharCode(97 + i)}-2026`,
  provider: providers[i % providers.length] ?? 'openai',
  // Nano-dollars per million tokens.
  rates: { input: 150_000_000 * (1 + (i % 4)), cache_read: 75_000_000, output: 600_000_000 * (1 + (i % 5)) },
  medianMs: 400 + 250 * (i % 6),
}))

export function* trafficOf({ rows, days, end, seed }: Traffic): Generator<UsageRow> {
  const random = randomFrom(seed)
  const keys = Array.from({ length: keyCount }, (_, i) => keyOf(i, random))
  const first = end - days * 24 * hourMs
  const weights = Array.from({ length: days * 24 }, (_, hour) => busyness(first + hour * hourMs))
  const share = rows / weights.reduce((sum, weight) => sum + weight, 0)
  let owed = 0
  for (const [hour, weight] of weights.entries()) {
    owed += weight * share
    for (; owed >= 1; owed--) {
      const at = Math.floor(first + (hour + random()) * hourMs)
      yield* callOf(at, keys[Math.floor(random() ** 2 * keyCount)] ?? keyOf(0, random), random)
    }
  }
}

type Random = () => number

interface Caller {
  readonly id: string
  readonly org: string
  readonly feature: string
  readonly agent: string | undefined
  readonly framework: string
  readonly models: readonly (typeof models)[number][]
}

function keyOf(index: number, random: Random): Caller {
  return {
    id: `key-${index}`,
    org: ['acme', 'acme', 'acme', 'globex', 'globex', 'initech'][index % 6] ?? 'acme',
    feature: ['search', 'chat', 'summaries', 'support', 'code', 'mail'][index % 6] ?? 'chat',
    agent: index % 3 === 0 ? `agent-${index % 5}` : undefined,
    framework: ['langchain', 'autogen', 'vercel-ai', 'none'][index % 4] ?? 'none',
    models: Array.from({ length: 1 + (index % 3) }, () => pick(models, random)),
  }
}

/** A call is mostly one row; one in fifty fails over and is two. */
function* callOf(at: number, key: Caller, random: Random): Generator<UsageRow> {
  const call = uuidV7(at)
  const user = `user-${Math.floor(random() ** 3 * userCount)}`
  const model = pick(key.models, random)
  const own = connections.filter(({ provider }) => provider === model.provider)
  const named = {
    call_id: call,
    org_id: key.org,
    key_id: key.id,
    user_id: user,
    feature: key.feature,
    agent_id: key.agent,
    framework: key.framework,
    session_id: `${user}-${Math.floor(at / (6 * hourMs))}`,
    requested_model: model.name,
    dialect: 'openai-chat',
    endpoint: '/v1/chat/completions',
    stream: random() < 0.7,
    tracked: true,
  } as const
  if (random() < 0.007) {
    const refused = { status: 'refused', success: false, http_status: 429, error_code: 'rate_limit_exceeded' } as const
    const nothing = { usage_source: 'none', cost_nano_usd: 0, charge_nano_usd: 0, revision: 2 } as const
    yield { ...named, ...refused, ...nothing, id: call, attempt: 0, calls: 1 }
    return
  }
  const failsOver = own.length > 1 && random() < 0.04
  if (failsOver) yield { ...named, ...attempted(at, own[0], 1, model), calls: 0, ...broken('503', random) }
  const attempt = {
    ...named,
    ...attempted(at + (failsOver ? 300 : 2), own[failsOver ? 1 : 0], failsOver ? 2 : 1, model),
  }
  const luck = random()
  if (luck < 0.015) yield { ...attempt, calls: 1, ...broken(pick(['500', '503', '429'], random), random) }
  else yield { ...attempt, calls: 1, ...answered(model, luck, random) }
}

function attempted(
  at: number,
  connection: (typeof connections)[number] | undefined,
  attempt: number,
  model: { name: string },
) {
  const { id = 'openai-main', provider = 'openai' } = connection ?? {}
  return { id: uuidV7(at), attempt, revision: 2, connection_id: id, provider, model: model.name } as const
}

function broken(code: string, random: Random) {
  const spent = { usage_source: 'none', cost_nano_usd: 0, charge_nano_usd: 0 } as const
  const ended = { status: 'failed', success: false, http_status: Number(code), error_code: code } as const
  return {
    ...ended,
    ...spent,
    response_time_ms: Math.round(50 + 400 * random()),
    error_message: 'The provider failed.',
  }
}

function answered(model: (typeof models)[number], luck: number, random: Random) {
  const input = Math.round(40 * Math.exp(4 * random()))
  const cached = random() < 0.3 ? Math.floor(input * 0.6) : 0
  const output = Math.round(20 * Math.exp(3.5 * random()))
  const cost = Math.round(
    ((input - cached) * model.rates.input + cached * model.rates.cache_read + output * model.rates.output) / 1e6,
  )
  const tookMs = Math.round(model.medianMs * Math.exp(1.2 * (random() + random() - 1)))
  const left = luck < 0.025
  return {
    status: left ? 'client_closed' : 'complete',
    success: !left,
    http_status: 200,
    usage_source: luck > 0.98 ? 'counted' : 'provider',
    finish_reason: left ? undefined : 'stop',
    input_tokens: input,
    cached_input_tokens: cached,
    output_tokens: output,
    reasoning_tokens: 0,
    total_tokens: input + output,
    parts: { input: input - cached, cache_read: cached, output, reasoning: 0 },
    cost_nano_usd: cost,
    charge_nano_usd: cost,
    price_status: 'exact',
    price_version_id: `${model.name}@2026-07-01`,
    rates: model.rates,
    response_time_ms: tookMs,
    first_token_ms: Math.round(tookMs * (0.2 + 0.3 * random())),
    overhead_ms: Math.round(1_000 * random()) / 1_000,
    upstream_request_id: `req_${Math.floor(random() * 2 ** 48).toString(36)}`,
  } as const
}

/** Busy by day, quiet by night and at weekends. */
function busyness(at: number): number {
  const date = new Date(at)
  const byDay = 0.3 + Math.max(0, Math.sin(((date.getUTCHours() - 5) / 14) * Math.PI))
  return date.getUTCDay() % 6 === 0 ? byDay * 0.35 : byDay
}

function pick<T>(list: readonly T[], random: Random): T {
  const picked = list[Math.floor(random() * list.length)]
  if (picked === undefined) throw new Error('there is nothing to pick from')
  return picked
}

/** A small generator of evenly spread numbers (mulberry32, public domain): the same rows at every run. */
function randomFrom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
