/** Runs loads against the targets by turns, and keeps what each run gave. */
import type { ChildProcess } from 'node:child_process'
import type { Clock } from '../../domain/clock.ts'
import { ask } from './children.ts'
import type { Load, Measured } from './load-spec.ts'
import type { Shape } from './loads.ts'
import { atRest, cpuSeconds, pssBytes } from './proc.ts'
import { secret } from './product.ts'

/** Where a load is sent. The upstream itself, asked directly, has no `pid`: its CPU is nobody's concern. */
export interface Target {
  readonly name: string
  readonly port: number
  readonly pid: number | undefined
}

/** One run of one load against one target. */
export interface Sample extends Measured {
  readonly load: string
  readonly target: string
  /** That the upstream stated in these answers. */
  readonly tokens: number
  /**
   * From before the first request until the target is at rest again, so that work put off until after the answer
   * (delivering rows, collecting garbage) counts too.
   */
  readonly cpuSeconds: number | undefined
  /** Near the end of the load, while it still stands. */
  readonly pssBytes: number | undefined
}

/** The subject stands between two runs of bare: their mean follows a machine that gets slower, their ratio is the noise. */
export interface Round {
  /** Only where latency matters: what a proxy adds is beyond this. */
  readonly direct: Sample | undefined
  readonly before: Sample
  readonly subject: Sample
  readonly after: Sample
}

export interface Targets {
  readonly direct: Target
  readonly bare: Target
  readonly subject: Target
}

/** Applies loads, one at a time. */
export interface Generator {
  apply(shape: Shape, target: Target, seconds: number): Promise<Sample>
}

export async function runRound(
  shape: Shape,
  { direct, bare, subject }: Targets,
  seconds: number,
  generator: Generator,
): Promise<Round> {
  return {
    direct: shape.latency === undefined ? undefined : await generator.apply(shape, direct, seconds),
    before: await generator.apply(shape, bare, seconds),
    subject: await generator.apply(shape, subject, seconds),
    after: await generator.apply(shape, bare, seconds),
  }
}

export function generatorOf(child: ChildProcess, clock: Clock, tell: (sample: Sample) => void): Generator {
  return {
    async apply(shape, target, seconds) {
      const { path, body, expected, connections, drainMs, arrival } = shape
      const lasts = seconds + (arrival.kind === 'closed' ? arrival.rampMs / 1000 : 0)
      const load: Load = {
        ...{ port: target.port, path, secret, body, expected, connections, drainMs, arrival },
        ...{ seconds: lasts, requestsMax: requestsPerSecondMax * lasts },
      }
      const before = target.pid === undefined ? undefined : cpuSeconds(target.pid)
      const answer = ask(child, load)
      const [measured, pss] = await Promise.all([answer, sleep(lasts * 900).then(() => memory(target))])
      if (target.pid !== undefined) await atRest(target.pid, clock)
      const after = target.pid === undefined ? undefined : cpuSeconds(target.pid)
      const cpu = before === undefined || after === undefined ? undefined : after - before
      const figures = measuredOf(measured)
      const tokens = figures.answers * shape.tokens
      const sample = { load: shape.id, target: target.name, ...figures, tokens, cpuSeconds: cpu, pssBytes: pss }
      tell(sample)
      return sample
    },
  }
}

export function memory(target: Target): number | undefined {
  return target.pid === undefined ? undefined : pssBytes(target.pid)
}

function measuredOf(answer: unknown): Measured {
  // The generator is this same tree's.
  const { measured, failed } = answer as { readonly measured?: Measured; readonly failed?: string }
  if (measured === undefined) throw new Error(failed ?? 'the load generator said nothing of use')
  return measured
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

// Far above what a core can do: only a bound.
const requestsPerSecondMax = 200_000
