import { describe, expect, test } from 'vitest'
import { limitOf } from '../domain/limit.ts'
import { ill, start } from '../health/rules.fixture.ts'
import { affinityOf } from './affinity.ts'
import { callOf, connection, routing } from './route.fixture.ts'

const three = [connection('a'), connection('b'), connection('c')]
const long = 'x'.repeat(5_000)

/** Where a session goes, in all of so many calls. */
function homeOf(turns: ReturnType<typeof routing>['turns'], session: string): string {
  const firsts = new Set(Array.from({ length: 10 }, () => turns({ session })[0]))
  expect(firsts.size).toBe(1)
  return [...firsts][0] ?? ''
}

describe('calls have in common', () => {
  test('their session, within their organisation', () => {
    const of = (org: string, session: string) => affinityOf(callOf({ org, session }))
    expect(of('acme', 's')).toBe(affinityOf(callOf({ org: 'acme', session: 's', key: 'other', prompt: long })))
    expect(of('acme', 's')).not.toBe(of('acme', 't'))
    expect(of('acme', 's')).not.toBe(of('globex', 's'))
  })

  test('else their key and the first 4 KiB of their prompt', () => {
    const of = (prompt: string, key = 'dev') => affinityOf(callOf({ prompt, key }))
    expect(of(`${long} and then`)).toBe(of(`${long} or else`))
    expect(of(long)).not.toBe(of(`y${long}`))
    expect(of(long)).not.toBe(of(long, 'other'))
  })

  test('nothing, where the prompt is too short for any cache', () => {
    expect(affinityOf(callOf({ prompt: 'hi' }))).toBeUndefined()
    expect(
      affinityOf({ ...callOf({}), body: { bytes: Buffer.from('{}'), value: {}, members: new Map() } }),
    ).toBeUndefined()
  })
})

describe('a session', () => {
  test('goes to the same connection each time, and sessions spread by weight', () => {
    const { turns, shares } = routing([connection('a', { weight: 2 }), connection('b'), connection('c')])
    for (const session of ['s', 't', 'u']) homeOf(turns, session)
    const share = shares(4_000, (call) => ({ session: `s${call}` }))
    expect(share('a')).toBeCloseTo(0.5, 1)
    expect(share('b')).toBeCloseTo(0.25, 1)
  })

  test('stays when another connection goes', () => {
    const { turns } = routing(three)
    const { turns: without } = routing(three.slice(0, 2))
    for (let i = 0; i < 200; i++) {
      const home = turns({ session: `${i}` })[0]
      if (home !== 'c') expect(without({ session: `${i}` })[0]).toBe(home)
    }
  })

  test('falls back in its own order', () => {
    const { turns } = routing(three)
    const orders = new Set<string>()
    for (let i = 0; i < 50; i++) {
      const session = `${i}`
      const [home, ...others] = turns({ session })
      const { turns: without } = routing(three.filter(({ id }) => id !== home))
      expect(without({ session })).toEqual(others)
      orders.add(`${home} ${others.join(' ')}`)
    }
    expect(orders.size).toBe(6)
  })

  test('leaves a connection that is not well, and comes back', () => {
    const { turns, health } = routing(three)
    const home = homeOf(turns, 's')
    health.failed(home, ill, start)
    health.failed(home, ill, start)
    expect(homeOf(turns, 's')).not.toBe(home)
    expect(turns({ session: 's' }).at(-1)).toBe(home)
    for (let i = 0; i < 20; i++) health.succeeded(home, 1, start)
    expect(homeOf(turns, 's')).toBe(home)
  })

  test('leaves a connection that is at four fifths of a limit', () => {
    const { turns, headroom } = routing(three)
    const home = homeOf(turns, 's')
    const standing = { limit: limitOf('connection', home, 'requests', 10), held: 0, resetMs: 60_000 }
    headroom.note(home, [{ ...standing, used: 7 }], start)
    expect(homeOf(turns, 's')).toBe(home)
    headroom.note(home, [{ ...standing, used: 8 }], start)
    expect(homeOf(turns, 's')).not.toBe(home)
  })

  test('does not cross ranks', () => {
    const { turns } = routing([
      connection('a', { priority: 1 }),
      connection('b', { priority: 2 }),
      connection('c', { priority: 2 }),
    ])
    for (let i = 0; i < 20; i++) expect(turns({ session: `${i}` })[0]).toBe('a')
  })

  test('goes anywhere when the installation wants it so', () => {
    const { shares } = routing(three, { affinity: false })
    expect(shares(3_000, () => ({ session: 's' }))('a')).toBeCloseTo(1 / 3, 1)
  })
})
