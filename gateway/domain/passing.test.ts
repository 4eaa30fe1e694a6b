import { describe, expect, test } from 'vitest'
import { Crowd } from './crowd.ts'
import { Passing } from './passing.ts'

const ana = { name: 'ana' }
const bo = { name: 'bo' }
const cy = { name: 'cy' }

describe('a passing map', () => {
  test('gives back what was put in, in order, until it is taken out', () => {
    const passing = new Passing<string, object>()
    passing.set('a', ana)
    passing.set('b', bo)
    passing.set('c', cy)
    expect(passing.take('b')).toBe(bo)
    expect(passing.take('b')).toBeUndefined()
    expect(passing.get('a')).toBe(ana)
    expect([...passing.values()]).toEqual([ana, cy])
    expect(passing.size).toBe(2)
  })

  test('replaces in place, and puts what comes again behind the others', () => {
    const passing = new Passing<string, object>()
    passing.set('a', ana)
    passing.set('b', bo)
    passing.set('a', cy)
    expect([...passing.values()]).toEqual([cy, bo])
    passing.take('a')
    passing.set('a', ana)
    expect([...passing.values()]).toEqual([bo, ana])
  })

  test('can be emptied while it is walked through', () => {
    const passing = new Passing<string, { readonly name: string }>()
    for (const one of [ana, bo, cy]) passing.set(one.name, one)
    const seen: string[] = []
    for (const { name } of passing.values()) {
      seen.push(name)
      passing.take(name)
    }
    expect(seen).toEqual(['ana', 'bo', 'cy'])
    expect(passing.size).toBe(0)
  })
})

describe('a crowd', () => {
  test('holds those who entered and did not leave, whoever leaves first', () => {
    const crowd = new Crowd<object>()
    const [a, b, c] = [crowd.enter(ana), crowd.enter(bo), crowd.enter(cy)]
    crowd.leave(a)
    expect(new Set(crowd.members())).toEqual(new Set([bo, cy]))
    crowd.leave(c)
    expect([...crowd.members()]).toEqual([bo])
    const again = crowd.enter(ana)
    crowd.leave(b)
    expect([...crowd.members()]).toEqual([ana])
    crowd.leave(again)
    expect(crowd.size).toBe(0)
  })

  test('passes over those who leave before their turn', () => {
    const crowd = new Crowd<object>()
    const spots = [ana, bo, cy].map((member) => crowd.enter(member))
    const met: object[] = []
    for (const member of crowd.members()) {
      met.push(member)
      for (const spot of spots.slice(1)) crowd.leave(spot)
    }
    expect(met).toEqual([ana])
  })

  test('lets nobody leave twice', () => {
    const crowd = new Crowd<object>()
    const [a] = [crowd.enter(ana), crowd.enter(bo)]
    crowd.leave(a)
    crowd.leave(a)
    expect([...crowd.members()]).toEqual([bo])
  })
})
