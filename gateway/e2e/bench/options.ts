import { parseArgs } from 'node:util'

export const loadIds = ['memory', 'non-stream', 'stream', '32k', 'embeddings', 'paced', 'latency'] as const
export type LoadId = (typeof loadIds)[number]

export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly warmUpSeconds: number
  /** Requests per second of the latency load. */
  readonly rate: number
  readonly only: readonly (LoadId | 'micro')[]
  /** The product's start file, where it is not the build's or the source's. */
  readonly entry: string | undefined
  /** Bare against bare: no product, only the noise. */
  readonly noise: boolean
  readonly json: boolean
}

export const usage = `npm run bench -- [options]
  --rounds N      interleaved rounds per load (5)
  --seconds N     seconds of load per run (2)
  --warm-up N     seconds of load per proxy before anything counts (12)
  --rate N        requests per second of the latency load (300)
  --only LOAD     one of ${[...loadIds, 'micro'].join(', ')}; may be repeated (all but embeddings)
  --entry FILE    start file of the gateway (dist/main.js, else gateway/main.ts)
  --noise         bare against bare: how far apart two equal proxies are here
  --json          everything measured, as JSON
`

/** Throws a RangeError or a TypeError that says what is wrong with the arguments; `undefined`: help was asked for. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      'warm-up': { type: 'string', default: '12' },
      rate: { type: 'string', default: '300' },
      only: { type: 'string', multiple: true, default: [...loadIds.filter((id) => id !== 'embeddings'), 'micro'] },
      entry: { type: 'string' },
      noise: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const number = (name: 'rounds' | 'seconds' | 'warm-up' | 'rate', min: number, max: number): number => {
    const value = Number(values[name])
    if (value >= min && value <= max) return value
    throw new RangeError(`--${name} is a number from ${min} to ${max}, not ${values[name]}`)
  }
  return {
    rounds: Math.ceil(number('rounds', 1, 100)),
    seconds: number('seconds', 0.2, 600),
    warmUpSeconds: number('warm-up', 0, 600),
    rate: number('rate', 1, 20_000),
    only: values.only.map(known),
    entry: values.entry,
    noise: values.noise,
    json: values.json,
  }
}

function known(name: string): LoadId | 'micro' {
  const found = [...loadIds, 'micro' as const].find((id) => id === name)
  if (found === undefined) throw new RangeError(`--only does not know ${name}`)
  return found
}
