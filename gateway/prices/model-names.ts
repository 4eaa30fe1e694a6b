import type { Match } from './pricing-file.ts'

/** Longer names are not looked up: nobody's model is called so, and matchers would be run over them. */
export const nameLengthMax = 256

/** The ways to read a model's name: first those that mean the same model, then those that mean it less its date. */
export interface NameForms {
  readonly same: readonly string[]
  readonly undated: readonly string[]
}

/**
 * What a name may stand for, nearest first: the name, its path less leading segments (`models/…`, `openai/…`,
 * `publishers/google/models/…`), less a region and a vendor (`us.anthropic.…`), less a host's version (`…-v1:0`, `…@001`).
 */
export function nameForms(name: string): NameForms {
  const whole = name.trim().toLowerCase()
  const same = new Set([whole])
  for (let at = whole.indexOf('/'); at >= 0; at = whole.indexOf('/', at + 1)) same.add(whole.slice(at + 1))
  for (const form of [...same]) {
    // A dot before a digit belongs to the name (`gpt-4.1`), one before a letter ends a region or a vendor.
    const bare = form.replace(/^(?:[a-z][a-z-]*\.(?=[a-z]))+/, '')
    same.add(bare)
    same.add(bare.replace(/-v\d+(?::\d+)?$|@.*$/, ''))
  }
  same.delete('')
  const undated = new Set<string>()
  for (const form of same) {
    undated.add(form.replace(/-(20\d\d)(\d\d)(\d\d)$/, '-$1-$2-$3'))
    undated.add(form.replace(/-20\d\d-?\d\d-?\d\d$/, ''))
  }
  return { same: [...same], undated: [...undated].filter((form) => !same.has(form)) }
}

/** A test for names in lower case. */
export function matcherOf(match: Match): (name: string) => boolean {
  if ('or' in match) {
    const tests = match.or.map(matcherOf)
    return (name) => tests.some((test) => test(name))
  }
  if ('and' in match) {
    const tests = match.and.map(matcherOf)
    return (name) => tests.every((test) => test(name))
  }
  if ('regex' in match) {
    const pattern = new RegExp(match.regex, 'i')
    return (name) => pattern.test(name)
  }
  if ('equals' in match) {
    const whole = match.equals.toLowerCase()
    return (name) => name === whole
  }
  if ('starts_with' in match) {
    const start = match.starts_with.toLowerCase()
    return (name) => name.startsWith(start)
  }
  if ('ends_with' in match) {
    const end = match.ends_with.toLowerCase()
    return (name) => name.endsWith(end)
  }
  const part = match.contains.toLowerCase()
  return (name) => name.includes(part)
}
