/** What the rounds come to. */
import { mean, type Percentiles, type Spread, spread } from './figures.ts'
import type { Shape } from './loads.ts'
import type { Round, Sample } from './rounds.ts'

export interface Summary {
  readonly load: string
  readonly title: string
  readonly aim: Shape['aim']
  readonly unit: 'answers per CPU-second' | 'µs of CPU per chunk'
  readonly cpu: Cpu | undefined
  readonly latency: Latency | undefined
}

interface Cpu {
  readonly bare: Spread
  readonly subject: Spread
  readonly ratio: Spread
  /** Bare against itself, after : before. */
  readonly noise: Spread
}

/** How long a direct answer takes, and what each proxy adds to that, in milliseconds. */
interface Latency {
  readonly of: 'whole answer' | 'first token'
  readonly direct: Quantiles
  readonly bare: Quantiles
  readonly subject: Quantiles
}

interface Quantiles {
  readonly p50: Spread
  readonly p95: Spread
}

export function summarise(shape: Shape, rounds: readonly Round[]): Summary {
  const { id: load, title, aim, work } = shape
  return {
    ...{ load, title, aim },
    unit: work === 'chunks' ? 'µs of CPU per chunk' : 'answers per CPU-second',
    cpu: cpuOf(shape, rounds),
    latency: shape.latency === undefined ? undefined : latencyOf(shape.latency, rounds),
  }
}

function cpuOf(shape: Shape, rounds: readonly Round[]): Cpu | undefined {
  const figure = (sample: Sample): number => {
    // Too little CPU to be read off a clock of 10 ms: no figure rather than infinity.
    if (sample.cpuSeconds === undefined || sample.cpuSeconds < 0.02) return Number.NaN
    const units = sample.bytes / shape.unitBytes
    return shape.work === 'chunks' ? (sample.cpuSeconds * 1e6) / units : units / sample.cpuSeconds
  }
  const each = rounds
    .map(({ before, subject, after }) => ({ before: figure(before), subject: figure(subject), after: figure(after) }))
    .filter(({ before, subject, after }) => Number.isFinite(before + subject + after))
  const bare = spread(each.flatMap(({ before, after }) => [before, after]))
  const subject = spread(each.map((round) => round.subject))
  const ratio = spread(each.map((round) => round.subject / mean([round.before, round.after])))
  const noise = spread(each.map((round) => round.after / round.before))
  return bare && subject && ratio && noise ? { bare, subject, ratio, noise } : undefined
}

function latencyOf(which: 'total' | 'first', rounds: readonly Round[]): Latency | undefined {
  const of = (sample: Sample) => (which === 'total' ? sample.totalMs : sample.firstByteMs)
  const quantiles = (value: (direct: Percentiles, round: Round) => Pick<Percentiles, 'p50' | 'p95'>) => {
    const values = rounds.flatMap((round) => (round.direct === undefined ? [] : [value(of(round.direct), round)]))
    const p50 = spread(values.map((each) => each.p50))
    const p95 = spread(values.map((each) => each.p95))
    return p50 && p95 ? { p50, p95 } : undefined
  }
  const added = (of: Percentiles, direct: Percentiles) => ({ p50: of.p50 - direct.p50, p95: of.p95 - direct.p95 })
  const direct = quantiles((each) => each)
  const bare = quantiles((each, { before, after }) => {
    const [first, second] = [added(of(before), each), added(of(after), each)]
    return { p50: mean([first.p50, second.p50]), p95: mean([first.p95, second.p95]) }
  })
  const subject = quantiles((each, round) => added(of(round.subject), each))
  const named = which === 'total' ? 'whole answer' : 'first token'
  return direct && bare && subject ? { of: named, direct, bare, subject } : undefined
}

/** What makes the figures void; empty: they stand. */
export function faults(samples: readonly Sample[]): readonly string[] {
  return samples.flatMap(({ load, target, answers, errors, wrong }) => {
    if (errors > 0) return [`${load}, ${target}: ${errors} errors (${wrong.join('; ')})`]
    return answers === 0 ? [`${load}, ${target}: no answer at all`] : []
  })
}
