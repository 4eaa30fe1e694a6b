import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countTokens, tokensOf } from './tokens.ts'

test('cuts words, with the space before them, and signs apart', () => {
  expect(tokensOf('Hello, world!')).toEqual(['Hello', ',', ' world', '!'])
  expect(tokensOf('{"a":[1,2]}')).toEqual(['{"', 'a', '":[', '1', ',', '2', ']}'])
})

test('cuts what is longer than eight bytes, never within a character', () => {
  expect(tokensOf(' authentication')).toEqual([' authent', 'ication'])
  expect(tokensOf('漢字漢字😀😀😀')).toEqual(['漢字', '漢字', '😀😀', '😀'])
  expect(tokensOf(' '.repeat(9))).toEqual([' '.repeat(8), ' '])
})

const signs = ['a', 'Z', '7', ' ', '\n', '\t', ',', '{', '"', 'é', 'ß', '漢', '😀', '\ud83d', '\u0000', 'word', '   ']
const texts = fc.array(fc.constantFrom(...signs), { maxLength: 60 }).map((pieces) => pieces.join(''))

test('of any text the tokens make up the text, are counted right, and are no more than its bytes', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const tokens = tokensOf(text)
      expect(tokens.join('')).toBe(text)
      expect(countTokens(text)).toBe(tokens.length)
      expect(tokens.every((token) => token !== '' && Buffer.byteLength(token) <= 8)).toBe(true)
    }),
  )
})

test('lone surrogates and the empty text are no trouble', () => {
  expect(tokensOf('')).toEqual([])
  expect(tokensOf('a\ud83d b').join('')).toBe('a\ud83d b')
})
