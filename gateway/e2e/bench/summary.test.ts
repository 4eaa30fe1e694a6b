import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { booksFault } from './books.ts'
import { shapeOf } from './loads.ts'
import type { Round, Sample } from './rounds.ts'
import { summarise } from './summary.ts'

const shape = shapeOf('latency', 300)

/** Answers got for one second of CPU, at so many milliseconds each. */
function sample(answers: number, ms: number): Sample {
  const times = { p50: ms, p95: 2 * ms, p99: 3 * ms }
  const counts = {
    answers,
    bytes: answers * shape.unitBytes,
    tokens: answers * 10,
    errors: 0,
    wrong: [],
    elapsedMs: 1000,
  }
  return {
    load: 'latency',
    target: 'tollgate',
    ...counts,
    totalMs: times,
    firstByteMs: times,
    cpuSeconds: 1,
    pssBytes: 1,
  }
}

function round(before: Sample, subject: Sample, after: Sample): Round {
  return { direct: sample(1, 0.25), before, subject, after }
}

test('compares with the mean of the two bare runs around, and takes the middle round', () => {
  const rounds = [
    round(sample(1000, 0.5), sample(600, 1), sample(500, 0.5)),
    round(sample(1000, 0.5), sample(900, 1), sample(1000, 0.5)),
    round(sample(1000, 0.5), sample(500, 1), sample(1000, 0.5)),
  ]
  const { cpu, latency } = summarise(shape, rounds)
  expect(cpu?.ratio).toEqual({ median: 0.8, min: 0.5, max: 0.9 })
  expect(cpu?.noise).toEqual({ median: 1, min: 0.5, max: 1 })
  expect(cpu?.bare).toEqual({ median: 1000, min: 500, max: 1000 })
  expect(latency?.subject.p50.median).toBe(0.75)
  expect(latency?.subject.p95.median).toBe(1.5)
  expect(latency?.bare.p50.median).toBe(0.25)
})

test('gives no figure where the CPU could not be read', () => {
  const blind = { ...sample(1000, 1), cpuSeconds: undefined }
  expect(summarise(shape, [round(blind, blind, blind)]).cpu).toBeUndefined()
})

test('says when the books do not hold what was answered', async () => {
  const totals = { requests: 3, total_tokens: 30 }
  const gateway = createServer((_, response) => response.end(JSON.stringify({ totals })))
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
  const address = gateway.address()
  const target = { name: 'tollgate', port: address !== null && typeof address === 'object' ? address.port : 0, pid: 1 }
  expect(await booksFault(target, [sample(1, 1), sample(2, 1)], 1)).toBeUndefined()
  expect(await booksFault(target, [sample(4, 1)], 1)).toBe('booked 3 calls and 30 tokens, of 4 calls and 40 tokens')
  gateway.closeAllConnections()
  gateway.close()
  expect(await booksFault(target, [sample(1, 1)], 1)).toBe('the gateway does not tell what it booked')
})
