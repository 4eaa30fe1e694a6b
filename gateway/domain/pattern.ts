import type { Key } from './key.ts'

/**
 * Patterns of model names: `*` stands for any run of characters, the empty one too; everything else for itself.
 * Walked by hand rather than compiled to a regular expression: both sides come from outside, and `*a*a*a*b` costs a
 * backtracking engine exponential time, this loop the product of the two lengths at most.
 */
export function matches(pattern: string, name: string): boolean {
  if (pattern === '*') return true
  let p = 0
  let n = 0
  let star = -1
  let starAt = 0
  while (n < name.length) {
    // The star is looked for first, so that a `*` in the name never takes the place of one in the pattern.
    if (pattern[p] === '*') {
      star = p++
      starAt = n
    } else if (p < pattern.length && pattern[p] === name[n]) {
      p++
      n++
    } else if (star >= 0) {
      // Only the last star needs another try: whatever an earlier one took, the rest after it has been found already.
      p = star + 1
      n = ++starAt
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

/** The run of characters that the only `*` of a matching pattern stands for. */
export function starRun(pattern: string, name: string): string {
  const star = pattern.indexOf('*')
  return name.slice(star, name.length - (pattern.length - star - 1))
}

/** Whether the key may ask for the model. */
export function keyMay(key: Key, model: string): boolean {
  return key.models.some((pattern) => matches(pattern, model))
}
