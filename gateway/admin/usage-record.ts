import { z } from 'zod'
import { nanoFromUsd, nanoUsd } from '../domain/money.ts'
import { metadataBytesMax, metadataMembersMax, tagCharsMax } from '../domain/tags.ts'
import { parts, type Usage } from '../domain/usage.ts'
import type { UsageRecord } from '../domain/usage-record.ts'

/** A record as it is sent. An error text says what was expected; `null` is as good as not there. */
const tag = z
  .string('a text')
  .min(1, 'a text that is not empty')
  .max(tagCharsMax, `a text of ${tagCharsMax} characters at most`)
const wholeCount = 'a whole number, 0 to 1000000000'
const count = z.int(wholeCount).min(0, wholeCount).max(1e9, wholeCount)
const amount = z
  .number('a number, 0 to 1000000000')
  .min(0, 'a number, 0 to 1000000000')
  .max(1e9, 'a number, 0 to 1000000000')
const milliseconds = z
  .number('milliseconds, 0 to 86400000')
  .min(0, 'milliseconds, 0 to 86400000')
  .max(86_400_000, 'milliseconds, 0 to 86400000')
const flag = z.boolean('true or false')
const dollars = 'dollars, as a number or a decimal text, 0 to 1000000'
const money = z
  .union([z.number(), z.string().regex(/^\d{1,7}(\.\d{1,18})?$/)], { error: dollars })
  .refine((value) => Number(value) >= 0 && Number(value) <= 1e6, dollars)

/** `requests` is a matter of prices: no provider states it. */
const statedParts = parts.filter((part) => part !== 'requests')
const partsSchema = z.partialRecord(
  z.enum(statedParts, `one of ${statedParts.join(', ')}`),
  amount,
  'a mapping of parts',
)

const metadata = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()], 'a plain value'), 'a mapping')
  .refine(
    (members) =>
      Object.keys(members).length <= metadataMembersMax &&
      Buffer.byteLength(JSON.stringify(members)) <= metadataBytesMax,
    `at most ${metadataMembersMax} members, ${metadataBytesMax} bytes in all`,
  )

const tokenMembers = [
  'input_tokens',
  'output_tokens',
  'cached_input_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
] as const

const shape = z.strictObject({
  id: tag,
  occurred_at: z.iso.datetime({ offset: true, error: 'a time with its offset: 2026-11-22T09:00:00Z' }),
  org: tag.nullish(),
  key: tag.nullish(),
  user: tag.nullish(),
  feature: tag.nullish(),
  agent: tag.nullish(),
  agent_name: tag.nullish(),
  framework: tag.nullish(),
  request_type: tag.nullish(),
  session: tag.nullish(),
  group: tag.nullish(),
  metadata: metadata.nullish(),
  provider: tag.nullish(),
  connection: tag.nullish(),
  model: tag.nullish(),
  service_tier: tag.nullish(),
  stream: flag.nullish(),
  input_tokens: count.nullish(),
  output_tokens: count.nullish(),
  cached_input_tokens: count.nullish(),
  cache_write_tokens: count.nullish(),
  reasoning_tokens: count.nullish(),
  parts: partsSchema.nullish(),
  cost_usd: money.nullish(),
  response_time_ms: milliseconds.nullish(),
  first_token_ms: milliseconds.nullish(),
  success: flag.nullish(),
  http_status: z.int('an HTTP status').min(100, 'an HTTP status').max(599, 'an HTTP status').nullish(),
  error_code: tag.nullish(),
  error_message: z.string('a text').max(1_000, 'a text of 1000 characters at most').nullish(),
})
type Sent = z.output<typeof shape>

export const usageRecordSchema = shape
  .superRefine((record, context) => {
    for (const { path, message } of contradictions(record))
      context.addIssue({ code: 'custom', path: [...path], message })
  })
  .transform(recordOf)

/** Tokens are inclusive: cached and written ones are input, reasoning is output. */
function contradictions(record: Sent): readonly { readonly path: readonly string[]; readonly message: string }[] {
  const { input_tokens: input, output_tokens: output, reasoning_tokens: reasoning } = record
  const cached = (record.cached_input_tokens ?? 0) + (record.cache_write_tokens ?? 0)
  const both = tokenMembers.filter((member) => record.parts && record[member] != null)
  // Only time comes in fractions; the ledger holds no part of a token.
  const broken = Object.entries(record.parts ?? {}).filter(([part, value]) => part !== 'seconds' && value % 1 !== 0)
  return [
    ...broken.map(([part]) => ({ path: ['parts', part], message: wholeCount })),
    ...both.map((member) => ({ path: [member], message: 'either parts or tokens, for they say the same' })),
    ...(cached > (input ?? 0)
      ? [{ path: ['input_tokens'], message: `at least the ${cached} that are said to be cached or written to a cache` }]
      : []),
    ...((reasoning ?? 0) > (output ?? 0)
      ? [{ path: ['output_tokens'], message: `at least the ${reasoning} that are said to be reasoning` }]
      : []),
  ]
}

function recordOf(sent: Sent): UsageRecord {
  const { cost_usd: cost } = sent
  return {
    id: sent.id,
    at: Date.parse(sent.occurred_at),
    org: sent.org ?? undefined,
    key: sent.key ?? undefined,
    user: sent.user ?? undefined,
    feature: sent.feature ?? undefined,
    agent: sent.agent ?? undefined,
    agentName: sent.agent_name ?? undefined,
    framework: sent.framework ?? undefined,
    requestType: sent.request_type ?? undefined,
    session: sent.session ?? undefined,
    group: sent.group ?? undefined,
    metadata: sent.metadata ?? undefined,
    provider: sent.provider ?? undefined,
    connection: sent.connection ?? undefined,
    model: sent.model ?? undefined,
    serviceTier: sent.service_tier ?? undefined,
    stream: sent.stream ?? false,
    usage: usageOf(sent),
    providerCost: cost == null ? undefined : nanoUsd(Number(nanoFromUsd(String(cost)))),
    responseTimeMs: sent.response_time_ms == null ? undefined : Math.round(sent.response_time_ms),
    firstTokenMs: sent.first_token_ms == null ? undefined : Math.round(sent.first_token_ms),
    // Who says nothing of an error had none.
    success: sent.success ?? (sent.error_code == null && sent.error_message == null),
    httpStatus: sent.http_status ?? undefined,
    errorCode: sent.error_code ?? undefined,
    errorMessage: sent.error_message ?? undefined,
  }
}

/** Disjoint parts; `undefined` where nothing is said. */
function usageOf(sent: Sent): Usage | undefined {
  if (sent.parts) return Object.keys(sent.parts).length > 0 ? sent.parts : undefined
  const { input_tokens: input, output_tokens: output } = sent
  const { cached_input_tokens: cached, cache_write_tokens: written, reasoning_tokens: reasoning } = sent
  if (tokenMembers.every((member) => sent[member] == null)) return undefined
  return {
    ...(input != null && { input: input - (cached ?? 0) - (written ?? 0) }),
    ...(cached != null && { cache_read: cached }),
    ...(written != null && { cache_write_5m: written }),
    ...(output != null && { output: output - (reasoning ?? 0) }),
    ...(reasoning != null && { reasoning }),
  }
}
