/** The bench of the proxies: starts them, warms them up, measures by turns. */
import { join } from 'node:path'
import { systemClock } from '../../domain/clock.ts'
import { booksFault } from './books.ts'
import { type Children, portOf } from './children.ts'
import { type Cores, shareOut } from './cores.ts'
import { type Shape, shapeOf } from './loads.ts'
import { loadIds, type Options } from './options.ts'
import { atRest, coreSeconds, cpuSeconds } from './proc.ts'
import { entryOf, startProduct } from './product.ts'
import {
  type Generator,
  generatorOf,
  memory,
  type Round,
  runRound,
  type Sample,
  type Target,
  type Targets,
} from './rounds.ts'
import { cautions, setting } from './setting.ts'
import { faults, type Summary, summarise } from './summary.ts'

export interface Results {
  readonly where: readonly string[]
  /** The name of what is compared with bare. */
  readonly subject: string
  readonly summaries: readonly Summary[]
  readonly memory: readonly MemoryFigure[]
  readonly samples: readonly Sample[]
  /** Why the figures are void; empty: they stand. */
  readonly faults: readonly string[]
}

interface MemoryFigure {
  readonly when: string
  readonly bare: number | undefined
  readonly subject: number | undefined
  readonly aim: string
}

export async function measure(options: Options, children: Children, tell: (text: string) => void): Promise<Results> {
  const cores = shareOut()
  const entry = options.noise ? undefined : entryOf(options.entry)
  const targets = await start(entry, children, cores)
  const samples: Sample[] = []
  const startedMs = systemClock.elapsed()
  const idle = otherSeconds(cores, targets)
  const generator = generatorOf(
    children.start({ script: script('load.ts'), cores: cores.others }),
    systemClock,
    (sample) => {
      samples.push(sample)
      tell(line(sample))
    },
  )
  const shapes = loadIds.filter((id) => options.only.includes(id)).map((id) => shapeOf(id, options.rate))
  const memory = [await weigh('idle, before any load', '≤ 120 MiB', targets)]
  const slow = shapes.find(({ id }) => id === 'memory')
  if (slow) memory.push(await weighUnder(slow, targets, options.seconds, generator))
  const timed = shapes.filter((shape) => shape !== slow)
  await warmUp(timed, targets, options.warmUpSeconds, generator)
  const summaries: Summary[] = []
  for (const shape of timed) {
    const rounds: Round[] = []
    while (rounds.length < options.rounds) rounds.push(await runRound(shape, targets, options.seconds, generator))
    summaries.push(summarise(shape, rounds))
  }
  memory.push(await weigh('at rest, after all loads', '', targets))
  const others = otherSeconds(cores, targets) - idle
  const where = [
    ...setting(entry, cores),
    ...cautions(entry, options, others / ((systemClock.elapsed() - startedMs) / 1000)),
  ]
  const unbooked = entry === undefined ? undefined : await booksFault(targets.subject, samples)
  const wrong = [...faults(samples), ...(unbooked === undefined ? [] : [unbooked])]
  return { where, subject: targets.subject.name, summaries, memory, samples, faults: wrong }
}

async function start(entry: string | undefined, children: Children, cores: Cores): Promise<Targets> {
  const upstream = await portOf(children.start({ script: script('upstream.ts'), cores: cores.others }))
  const url = `http://127.0.0.1:${upstream}`
  const bare = async (name: string): Promise<Target> => {
    const child = children.start({ script: script('bare-proxy.ts'), args: [url], cores: cores.subject })
    return { name, port: await portOf(child), pid: child.pid }
  }
  return {
    direct: { name: 'direct', port: upstream, pid: undefined },
    bare: await bare('bare'),
    subject:
      entry === undefined
        ? await bare('bare again')
        : { name: 'tollgate', ...(await startProduct(entry, url, children, cores)) },
  }
}

async function weigh(when: string, aim: string, { bare, subject }: Targets): Promise<MemoryFigure> {
  for (const { pid } of [bare, subject]) if (pid !== undefined) await atRest(pid, systemClock)
  return { when, bare: memory(bare), subject: memory(subject), aim }
}

async function weighUnder(
  shape: Shape,
  targets: Targets,
  seconds: number,
  generator: Generator,
): Promise<MemoryFigure> {
  const bare = await generator.apply(shape, targets.bare, seconds)
  const subject = await generator.apply(shape, targets.subject, seconds)
  return { when: shape.title, bare: bare.pssBytes, subject: subject.pssBytes, aim: '≤ 200 MiB' }
}

// V8 compiles what is hot over the first ten seconds or so of load: figures before that are of another program.
async function warmUp(
  shapes: readonly Shape[],
  targets: Targets,
  seconds: number,
  generator: Generator,
): Promise<void> {
  const each = seconds / shapes.length
  for (const target of [targets.bare, targets.subject]) {
    for (const shape of shapes) if (each > 0) await generator.apply(shape, target, each)
  }
}

/** What the proxies' core spent on others than the proxies. */
function otherSeconds({ subject }: Cores, { bare, subject: gateway }: Targets): number {
  const own = [bare, gateway].map(({ pid }) => (pid === undefined ? undefined : cpuSeconds(pid)) ?? 0)
  const all = subject === undefined ? undefined : coreSeconds(subject)
  return all === undefined ? 0 : all - own.reduce((sum, each) => sum + each, 0)
}

function line({ load, target, answers, errors, elapsedMs, cpuSeconds }: Sample): string {
  const busy = cpuSeconds === undefined ? '' : `, core ${Math.round((cpuSeconds * 100_000) / elapsedMs)} % busy`
  const rate = Math.round((answers * 1000) / elapsedMs)
  return `${load.padEnd(10)} ${target.padEnd(10)} ${answers} answers, ${rate}/s${busy}${errors > 0 ? `, ${errors} ERRORS` : ''}`
}

function script(name: 'load.ts' | 'upstream.ts' | 'bare-proxy.ts'): string {
  return join(import.meta.dirname, name)
}
