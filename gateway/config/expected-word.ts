import type { z } from 'zod'

const types: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  null: 'null',
}

/** What a schema expected, in words, where it does not say so itself. */
export function expectedWord(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return types[issue.expected] ?? issue.expected
    case 'invalid_value':
      return alternatives(issue.values)
    case 'too_small':
      return `at least ${issue.minimum}`
    case 'too_big':
      return `at most ${issue.maximum}`
    default:
      return 'something else'
  }
}

/** `one, two or three` */
export function alternatives(words: readonly unknown[]): string {
  const last = words.at(-1)
  return words.length < 2 ? String(last) : `${words.slice(0, -1).join(', ')} or ${last}`
}
