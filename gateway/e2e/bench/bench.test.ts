import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { Children, portOf } from './children.ts'
import { LoadRun } from './load-run.ts'
import type { Measured } from './load-spec.ts'
import { type Shape, shapeOf } from './loads.ts'
import { readOptions } from './options.ts'
import { generatorOf, type Target } from './rounds.ts'
import { faults } from './summary.ts'

describe('with upstream, bare proxy and load generator in processes of their own', () => {
  const children = new Children()
  const script = (name: string) => join(import.meta.dirname, name)
  let direct: Target
  let bare: Target

  beforeAll(async () => {
    const upstream = children.start({ script: script('upstream.ts'), cores: undefined })
    direct = { name: 'direct', port: await portOf(upstream), pid: undefined }
    const args = [`http://127.0.0.1:${direct.port}`]
    const proxy = children.start({ script: script('bare-proxy.ts'), args, cores: undefined })
    bare = { name: 'bare', port: await portOf(proxy), pid: proxy.pid }
  })
  afterAll(() => children.end())

  test.each(['non-stream', '32k', 'stream', 'embeddings', 'paced', 'latency'] as const)(
    'the %s load gets whole, right answers, and no others',
    async (id) => {
      const shape = small(shapeOf(id, 50))
      const child = children.start({ script: script('load.ts'), cores: undefined })
      const generator = generatorOf(child, systemClock, () => {})
      for (const target of [direct, bare]) {
        const sample = await generator.apply(shape, target, 0.3)
        expect(faults([sample]), target.name).toEqual([])
        expect(sample.answers).toBeGreaterThan(0)
        expect(sample.bytes).toBe(sample.answers * shape.expected.bytes)
      }
    },
  )

  test('a load is bounded in count', async () => {
    const { answers } = await apply(small(shapeOf('stream', 1)), bare.port, { requestsMax: 7 })
    expect(answers).toBe(7)
  })

  test('an answer of another length than expected is an error', async () => {
    const shape = small(shapeOf('non-stream', 1))
    const wrong = { ...shape, expected: { ...shape.expected, bytes: shape.expected.bytes + 1 } }
    const measured = await apply(wrong, direct.port, { requestsMax: 3 })
    expect(measured).toMatchObject({ answers: 0, errors: 3 })
    expect(measured.wrong[0]).toContain(`${shape.expected.bytes} bytes`)
  })

  test('a stream that never says [DONE] is an error', async () => {
    const { bytes } = small(shapeOf('non-stream', 1)).expected
    const shape = { ...small(shapeOf('non-stream', 1)), expected: { bytes, stream: true } }
    const measured = await apply(shape, direct.port, { requestsMax: 2 })
    expect(measured).toMatchObject({ answers: 0, errors: 2 })
    expect(measured.wrong[0]).toBe('a stream without [DONE]')
  })

  test('an answer that does not come in time is an error', async () => {
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const address = silent.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    const measured = await apply({ ...small(shapeOf('non-stream', 1)), connections: 2, drainMs: 50 }, port, {})
    silent.close()
    expect(measured).toMatchObject({ answers: 0, errors: 2, wrong: ['no answer in time', 'no answer in time'] })
  })

  test('a target that is not what it should be makes the figures void', async () => {
    const measured = await apply({ ...small(shapeOf('non-stream', 1)), path: '/elsewhere' }, bare.port, {
      requestsMax: 4,
    })
    const sample = {
      ...measured,
      load: 'non-stream',
      target: 'bare',
      tokens: 0,
      cpuSeconds: undefined,
      pssBytes: undefined,
    }
    expect(faults([sample])).toEqual(['non-stream, bare: 4 errors (status 404; status 404; status 404; status 404)'])
    expect(faults([{ ...sample, errors: 0 }])).toEqual(['non-stream, bare: no answer at all'])
  })
})

test('options that make no sense are refused, each with its name', () => {
  expect(() => readOptions(['--rounds', 'many'])).toThrow('--rounds')
  expect(() => readOptions(['--only', 'everything'])).toThrow('everything')
  expect(() => readOptions(['--colour'])).toThrow('--colour')
  expect(readOptions(['--only', 'stream', '--seconds', '1'])).toMatchObject({ only: ['stream'], seconds: 1 })
})

/** The same load, by few connections and with little pause. */
function small(shape: Shape): Shape {
  const body = shape.body.replace('"seed":100', '"seed":10')
  const arrival = shape.arrival.kind === 'closed' ? { kind: 'closed' as const, rampMs: 0 } : shape.arrival
  return { ...shape, body, arrival, connections: 3 }
}

function apply(
  shape: Shape,
  port: number,
  { requestsMax = 1000 }: { readonly requestsMax?: number },
): Promise<Measured> {
  const { path, body, expected, connections, drainMs, arrival } = shape
  const load = { port, secret: 'none', path, body, expected, connections, drainMs, arrival, seconds: 0.3, requestsMax }
  return new LoadRun(load, systemClock).run()
}
