import { describe, expect, test } from 'vitest'
import { Fault } from '../domain/fault.ts'
import type { Key } from '../domain/key.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import { RefusalFold } from './refusals.ts'

const key = (id: string): Key => ({
  id,
  hash: '',
  org: 'acme',
  user: undefined,
  feature: undefined,
  models: ['*'],
  allowClientIdentity: false,
  expiresAt: undefined,
  trackUsage: undefined,
})
const refused = (id: string) => ({
  id: '01920000-0000-7000-8000-000000000000',
  key: key(id),
  identity: { org: 'acme', metadata: { a: 1 } },
  tracked: true,
  dialect: 'openai-chat',
  endpoint: '/v1/chat/completions',
  stream: false,
  model: 'm',
})
const fault = new Fault('rate_limit_exceeded', 'no')

/** How many refusals the rows stand for. */
const counted = (rows: readonly UsageRow[]) =>
  rows.reduce((sum, { metadata }) => sum + Number(metadata?.['refusals'] ?? 1), 0)

describe('refusals', () => {
  test('get a row each, up to ten a second of one key for one reason', () => {
    const rows: UsageRow[] = []
    const fold = new RefusalFold(
      async (row) => void rows.push(row),
      () => 1_000,
    )
    for (let i = 0; i < 10; i++) void fold.add(refused('a'), fault)
    expect(rows).toHaveLength(10)
    expect(rows[0]).toMatchObject({
      attempt: 0,
      status: 'refused',
      http_status: 429,
      org_id: 'acme',
      metadata: { a: 1 },
    })
  })

  test('beyond that share one, and none is lost', () => {
    let now = 1_000
    const rows: UsageRow[] = []
    const fold = new RefusalFold(
      async (row) => void rows.push(row),
      () => now,
    )
    for (let i = 0; i < 1_000; i++) void fold.add(refused('a'), fault)
    for (let i = 0; i < 15; i++) void fold.add(refused('b'), fault)
    now = 2_100
    for (let i = 0; i < 12; i++) void fold.add(refused('a'), fault)
    fold.flush()
    fold.flush(true)
    expect(counted(rows)).toBe(1_027)
    expect(rows).toHaveLength(10 + 1 + 10 + 1 + 10 + 1)
    expect(rows.find(({ metadata }) => metadata?.['refusals'] === 990)?.metadata).toEqual({ a: 1, refusals: 990 })
  })

  test('of several users share a row that names none of them, and what they have in common', () => {
    const rows: UsageRow[] = []
    const fold = new RefusalFold(
      async (row) => void rows.push(row),
      () => 1_000,
    )
    for (let i = 0; i < 14; i++) {
      const identity = { org: 'acme', user: `user-${i}`, feature: 'search', metadata: { a: 1 } }
      void fold.add({ ...refused('a'), identity }, fault)
    }
    fold.flush(true)
    expect(rows.at(-1)).toMatchObject({ org_id: 'acme', feature: 'search', calls: 4, metadata: { a: 1, refusals: 4 } })
    expect(rows.at(-1)?.user_id).toBeUndefined()
  })

  test.each([true, false])('of several users name none of them in words either, tracked: %s', (tracked) => {
    const rows: UsageRow[] = []
    const fold = new RefusalFold(
      async (row) => void rows.push(row),
      () => 1_000,
    )
    for (let i = 0; i < 14; i++) {
      const identity = { org: 'acme', user: `user-${i}`, feature: 'search' }
      const limited = new Fault('rate_limit_exceeded', `Limit reached for user 'user-${i}' of feature 'search'.`)
      void fold.add({ ...refused('a'), identity, tracked }, limited)
    }
    fold.flush(true)
    const feature = tracked ? 'search' : '…'
    expect(rows.at(-1)?.error_message).toBe(`Limit reached for user '…' of feature '${feature}'.`)
    expect(rows[0]?.error_message).toContain(tracked ? 'user-0' : "user '…'")
  })

  test('that are tracked and that are not share no row', () => {
    const rows: UsageRow[] = []
    const fold = new RefusalFold(
      async (row) => void rows.push(row),
      () => 1_000,
    )
    for (let i = 0; i < 20; i++) void fold.add({ ...refused('a'), tracked: i % 2 === 0 }, fault)
    for (let i = 0; i < 3; i++) void fold.add({ ...refused('a'), tracked: false }, fault)
    fold.flush(true)
    expect(rows.filter(({ tracked }) => tracked)).toHaveLength(10)
    expect(rows.at(-1)).toMatchObject({ tracked: false, calls: 3, metadata: { refusals: 3 } })
  })

  test('of another key or for another reason are folded by themselves', () => {
    const rows: UsageRow[] = []
    const fold = new RefusalFold(
      async (row) => void rows.push(row),
      () => 1_000,
    )
    for (let i = 0; i < 10; i++) {
      void fold.add(refused('a'), fault)
      void fold.add(refused('b'), fault)
      void fold.add(refused('a'), new Fault('model_not_found', 'no'))
    }
    expect(rows).toHaveLength(30)
  })
})
