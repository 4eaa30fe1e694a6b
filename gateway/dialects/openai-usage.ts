import { type NanoUsd, nanoFromUsd, nanoUsd } from '../domain/money.ts'
import type { Usage } from '../domain/usage.ts'
import { isObject, type JsonObject, objectOr } from './json-value.ts'

/** A count that no honest answer passes; what is above it is a lie, and is clamped. */
const countMax = 1_000_000_000

/** Usage as the OpenAI family states it: inclusive totals with details, and a dozen ways of disagreeing about them. */
export interface StatedUsage {
  readonly usage: Usage
  /** The numbers contradicted each other, or were no counts. */
  readonly invalid: boolean
  readonly cost: NanoUsd | undefined
}

/**
 * Splits a stated usage object into disjoint parts. `undefined` where it states no tokens at all.
 *
 * The totals are read first, because providers disagree on what they include; each rule below is what one of them
 * does, told from the numbers alone:
 * - audio beside the prompt (Mistral): total = prompt + completion + audio
 * - reasoning beside the completion (xAI): total = prompt + completion + reasoning
 * - thinking in the total only (Gemini): total > prompt + completion, and nothing explains the rest
 * - cached tokens beside the prompt (Grok on Azure): cached > prompt
 * - thoughts of a research beside everything (Perplexity): it counts its searches, and reasoning > completion
 */
export function readUsage(raw: unknown): StatedUsage | undefined {
  if (!isObject(raw)) return undefined
  const read = new Counts()
  const stated = countsIn(raw, read)
  const { prompt, completion, total } = stated
  if (prompt === undefined && completion === undefined && total === undefined) return undefined
  const usage = partsOf(stated, totalsOf(stated, read), read)
  return { usage, invalid: read.invalid, cost: statedCost(raw) }
}

function countsIn(raw: JsonObject, read: Counts) {
  // Writer's details are of a "token".
  const input = objectOr(raw['prompt_tokens_details'] ?? raw['prompt_token_details'])
  const output = objectOr(raw['completion_tokens_details'] ?? raw['completion_token_details'])
  return {
    prompt: read.count(raw['prompt_tokens']),
    completion: read.count(raw['completion_tokens']),
    total: read.count(raw['total_tokens']),
    cached: read.first(
      input['cached_tokens'],
      raw['cached_tokens'],
      raw['num_cached_tokens'],
      raw['prompt_cache_hit_tokens'],
    ),
    written: read.count(input['cache_write_tokens']),
    audioIn: read.count(input['audio_tokens']) ?? 0,
    imageIn: read.count(input['image_tokens']) ?? 0,
    reasoned: read.first(output['reasoning_tokens'], raw['reasoning_tokens']),
    audioOut: read.count(output['audio_tokens']) ?? 0,
    imageOut: read.count(output['image_tokens']) ?? 0,
    searches: read.count(raw['num_search_queries']),
  }
}

type Counted = ReturnType<typeof countsIn>

/** Totals that include everything: what the rules above make of those that were stated. */
interface Totals {
  readonly input: number | undefined
  readonly output: number | undefined
  /** Part of the output. */
  readonly thought: number
  /** Searches cost by themselves; elsewhere they are part of what a request costs. */
  readonly research: boolean
}

function totalsOf({ prompt, completion, total, cached, audioIn, reasoned, searches }: Counted, read: Counts): Totals {
  let input = prompt ?? (total === undefined ? undefined : Math.max(0, total - (completion ?? 0)))
  let output = completion
  let thought = reasoned ?? 0
  const unexplained = total === undefined ? 0 : total - (prompt ?? total) - (completion ?? 0)
  if (unexplained > 0) {
    if (unexplained === audioIn) input = (input ?? 0) + audioIn
    else {
      output = (output ?? 0) + unexplained
      if (reasoned !== unexplained) thought += unexplained
    }
  }
  const research = searches !== undefined && thought > (output ?? thought)
  if (research) output = (output ?? 0) + thought
  if (input !== undefined && cached !== undefined && cached > input) {
    input += cached
    read.invalid = true
  }
  return { input, output, thought, research }
}

function partsOf(stated: Counted, { input, output, thought, research }: Totals, read: Counts): Usage {
  const { cached, written, audioIn, imageIn, reasoned, audioOut, imageOut, searches } = stated
  const usage: Record<string, number> = {}
  if (input !== undefined) {
    const left = read.share(input)
    if (cached !== undefined) usage['cache_read'] = left.take(cached)
    if (written !== undefined) usage['cache_write_5m'] = left.take(written)
    // Images and audio that were read from the cache are counted there already, so what is left may be less; no lie.
    if (audioIn > 0) usage['input_audio'] = left.takeUpTo(audioIn)
    if (imageIn > 0) usage['input_image'] = left.takeUpTo(imageIn)
    usage['input'] = left.rest
  }
  if (output !== undefined) {
    const left = read.share(output)
    if (reasoned !== undefined || thought > 0) usage['reasoning'] = left.take(thought)
    if (audioOut > 0) usage['output_audio'] = left.take(audioOut)
    if (imageOut > 0) usage['output_image'] = left.take(imageOut)
    usage['output'] = left.rest
  }
  if (research && searches !== undefined) usage['searches'] = searches
  return usage
}

/** Reads counts and remembers whether one was none. */
class Counts {
  invalid = false

  count(value: unknown): number | undefined {
    if (value === undefined || value === null) return undefined
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= countMax) return value
    this.invalid = true
    if (typeof value !== 'number' || !(value > 0)) return undefined
    return Math.min(Math.round(value), countMax)
  }

  first(...values: readonly unknown[]): number | undefined {
    for (const value of values) {
      const count = this.count(value)
      if (count !== undefined) return count
    }
    return undefined
  }

  /** A total to be divided into disjoint parts: more cannot be taken than is there. */
  share(total: number) {
    const counts = this
    return {
      rest: total,
      take(amount: number): number {
        if (amount > this.rest) counts.invalid = true
        return this.takeUpTo(amount)
      },
      takeUpTo(amount: number): number {
        const taken = Math.min(amount, this.rest)
        this.rest -= taken
        return taken
      },
    }
  }
}

/**
 * What the provider says the call cost: a number of dollars (OpenRouter), an object with a total (Perplexity), or ticks
 * of 10⁻¹⁰ dollars (xAI).
 */
function statedCost(raw: JsonObject): NanoUsd | undefined {
  const cost = raw['cost']
  const usd = isObject(cost) ? cost['total_cost'] : cost
  if (typeof usd === 'number' && Number.isFinite(usd) && usd >= 0 && usd < 1e6)
    return nanoUsd(Number(nanoFromUsd(String(usd))))
  const ticks = raw['cost_in_usd_ticks']
  if (typeof ticks === 'number' && Number.isSafeInteger(ticks) && ticks > 0) return nanoUsd(Math.round(ticks / 10))
  return undefined
}

const rawMembersMax = 200
const rawTextCharsMax = 256
const rawDepthMax = 4

/**
 * The stated usage as it may be kept: all of it, or nothing where it is no usage object any more but whatever somebody
 * chose to send: rows are read by many, and one that cannot be written down would be lost.
 */
export function keepable(raw: unknown): unknown {
  let members = 0
  const small = (value: unknown, depth: number): boolean => {
    if (typeof value === 'string') return value.length <= rawTextCharsMax
    if (typeof value !== 'object' || value === null) return true
    if (depth === rawDepthMax) return false
    return Object.values(value).every((member) => ++members <= rawMembersMax && small(member, depth + 1))
  }
  return small(raw, 0) ? raw : undefined
}
