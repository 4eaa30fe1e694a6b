import { describe, expect, test } from 'vitest'
import { TransientMap } from './transient-map.ts'
import { TransientSet } from './transient-set.ts'

const ana = { name: 'ana' }
const bo = { name: 'bo' }
const cy = { name: 'cy' }

describe('a passing map', () => {
  test('gives back what was put in, in order, until it is taken out', () => {
    const passing = new TransientMap<string, object>()
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
    const passing = new TransientMap<string, object>()
    passing.set('a', ana)
    passing.set('b', bo)
    passing.set('a', cy)
    expect([...passing.values()]).toEqual([cy, bo])
    passing.take('a')
    passing.set('a', ana)
    expect([...passing.values()]).toEqual([bo, ana])
  })

  test('can be emptied while it is walked through', () => {
    const passing = new TransientMap<string, { readonly name: string }>()
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

describe('a set', () => {
  test('holds what was added and not deleted, in whatever order', () => {
    const set = new TransientSet<object>()
    const [a, b, c] = [set.add(ana), set.add(bo), set.add(cy)]
    set.delete(a)
    expect(new Set(set.values())).toEqual(new Set([bo, cy]))
    set.delete(c)
    expect([...set.values()]).toEqual([bo])
    const again = set.add(ana)
    set.delete(b)
    expect([...set.values()]).toEqual([ana])
    set.delete(again)
    expect(set.size).toBe(0)
  })

  test('passes over what is deleted before its turn', () => {
    const set = new TransientSet<object>()
    const places = [ana, bo, cy].map((member) => set.add(member))
    const met: object[] = []
    for (const member of set.values()) {
      met.push(member)
      for (const place of places.slice(1)) set.delete(place)
    }
    expect(met).toEqual([ana])
  })

  test('deletes nothing twice', () => {
    const set = new TransientSet<object>()
    const [a] = [set.add(ana), set.add(bo)]
    set.delete(a)
    set.delete(a)
    expect([...set.values()]).toEqual([bo])
  })
})
