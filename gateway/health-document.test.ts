import { expect, test } from 'vitest'
import { at, connection, journal, report, standing } from './health-document.fixture.ts'
import { connectionHealth, healthDocument } from './health-document.ts'

const shown = healthDocument(standing)

test('all names are in snake_case, each figure is there once, and all but a share is whole', () => {
  const members = membersOf(shown)
  expect(members.length).toBeGreaterThan(30)
  expect(members.map(([name]) => name).filter((name) => !/^[a-z]+(_[a-z]+)*$/.test(name))).toEqual([])
  expect(members.filter(([name]) => name === 'live_attempts')).toEqual([['live_attempts', 1]])
  const broken = members.filter(([, value]) => typeof value === 'number' && !Number.isInteger(value))
  expect(broken).toEqual([['success_rate', 2 / 3]])
})

test('what is unknown, or is not, is null: no member comes and goes', () => {
  expect(membersOf(shown).filter(([, value]) => value === undefined)).toEqual([])
  const well = { ...report, rest: undefined, credentialRefused: false, successRate: undefined }
  const first = { ...standing, connections: [connectionHealth(connection, well, at)] }
  const sinks = journal.sinks.map((sink) => ({ ...sink, lastFlush: undefined, failingMs: undefined }))
  const early = healthDocument({ ...first, journal: { ...journal, sinks } })
  expect(Object.keys(early.connections[0] ?? {})).toEqual(Object.keys(shown.connections[0] ?? {}))
  expect(early.connections[0]).toMatchObject({ available: true, reason: null, retry_after_ms: 0, success_rate: null })
  expect(early).toMatchObject({
    database: { problem: null },
    journal: { problem: null, sinks: [{ last_flush: null, failing_ms: null }] },
  })
})

test('it is degraded while something has to be put right, and draining on its way down', () => {
  const well = {
    ...standing,
    database: { kind: 'external', reachable: true },
    journal: { ...journal, problem: undefined },
  }
  expect(healthDocument(well).status).toBe('ok')
  expect(healthDocument({ ...well, database: { kind: 'external', reachable: false } }).status).toBe('degraded')
  expect(healthDocument({ ...well, journal: { ...journal, problem: 'the disk is full' } }).status).toBe('degraded')
  expect(healthDocument({ ...well, ready: false }).status).toBe('draining')
})

test('a wait is rounded up, an instant is a date, a refused credential is an error', () => {
  expect(shown.connections[0]).toMatchObject({ status: 'error', available: false, retry_after_ms: 262 })
  expect(shown.connections[0]?.last_used_at).toBe('2026-07-31T23:59:59.999Z')
  expect(shown.journal).toMatchObject({
    oldest_pending_ms: 261,
    sinks: [{ failing_ms: 120, last_flush: { at: '2026-08-01T00:00:00.000Z', took_ms: 3 } }],
  })
  expect(shown.configuration.loaded_at).toBe('2026-08-01T00:00:00.000Z')
})

test('no credential is told, nor a header that may hold one', () => {
  expect(JSON.stringify(shown)).not.toMatch(/upstream-key|another-key|x-secret/)
})

/** Every member of a document, however deep. */
function membersOf(value: unknown): readonly (readonly [name: string, value: unknown])[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap(membersOf)
  return Object.entries(value).flatMap(([name, inner]) => [[name, inner] as const, ...membersOf(inner)])
}
