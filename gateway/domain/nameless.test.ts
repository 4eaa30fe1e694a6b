import { expect, test } from 'vitest'
import { withoutNames } from './nameless.ts'

test.each([
  [
    "Rate limit reached for user 'ana@example.com': 1 a minute.",
    ['ana@example.com'],
    "Rate limit reached for user '…': 1 a minute.",
  ],
  ['ana, Ana and ana', ['ana'], '…, Ana and …'],
  ['analysis of banana_ana by ana', ['ana'], 'analysis of banana_ana by …'],
  ['Größe ößa', ['ößa', 'Gr'], 'Größe …'],
  ['𝒶ana and ana𝒶', ['ana'], '𝒶ana and ana𝒶'],
  // What a longer name holds does not leave the rest of it.
  ['ana@example.com of example.com', ['ana', 'example.com', 'ana@example.com'], '… of …'],
  ["1 request for user '1'", ['1'], "1 request for user '…'"],
  ['user "x", x', ['x'], 'user "…", x'],
  // Patterns are no patterns here.
  ['a.*b(c and axxb(c', ['a.*b(c'], '… and axxb(c'],
  ['$& costs $1', ['$&'], '$& costs $1'],
  ['said "$&x"', ['$&x'], 'said "…"'],
  ['{"user":"a\\"b\\\\c"}', ['a"b\\c'], '{"user":"…"}'],
  ['no user two lines here', ['two\nlines'], 'no user … here'],
  ['too long: customer-of-acme-in', ['customer-of-acme-in-berlin'], 'too long: …'],
  ['too long: xcustomer-of-acme', ['customer-of-acme-in-berlin'], 'too long: xcustomer-of-acme'],
  ['ticket T-42 of 7', [{ ticket: 'T-42', count: 7 }], 'ticket … of 7'],
  ['nothing to do', ['', ' ', undefined, null, 7, {}], 'nothing to do'],
])('%s without %j', (text, names, expected) => {
  expect(withoutNames(text, names)).toBe(expected)
})
