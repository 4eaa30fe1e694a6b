import { get_encoding, type Tiktoken, type TiktokenEncoding } from 'tiktoken'

/** The tokenizer takes quadratic time on long runs of one character; pieces of this size keep it linear. */
const pieceChars = 2048
/** Beyond this, a text is counted by what its beginning came to: others wait, and so does the end of the process. */
const textCharsMax = 64 * 1024

const encodings = new Map<TiktokenEncoding, Tiktoken>()

function encodingOf(model: string): Tiktoken {
  const name: TiktokenEncoding = /(^|\/)(gpt-3\.5|gpt-4($|-(?!o))|text-embedding)/.test(model)
    ? 'cl100k_base'
    : 'o200k_base'
  let encoding = encodings.get(name)
  if (!encoding) {
    encoding = get_encoding(name)
    encodings.set(name, encoding)
  }
  return encoding
}

/**
 * Tokens of a text in OpenAI's vocabularies. For other makers' models it is an estimate, and the nearest there is: their
 * vocabularies are not published, or differ by less than the framing around them.
 */
export function countTokens(model: string, text: string): number {
  const encoding = encodingOf(model)
  const counted = Math.min(text.length, textCharsMax)
  let tokens = 0
  for (let at = 0; at < counted; ) {
    const end = pieceEnd(text, at, counted)
    tokens += encoding.encode_ordinary(text.slice(at, end)).length
    at = end
  }
  return counted === text.length ? tokens : Math.round((tokens * text.length) / counted)
}

/** Cuts at a space, where tokens end anyway, and never inside a surrogate pair. */
function pieceEnd(text: string, from: number, to: number): number {
  const end = from + pieceChars
  if (end >= to) return to
  const space = text.lastIndexOf(' ', end)
  if (space > from + pieceChars / 2) return space
  const code = text.charCodeAt(end - 1)
  return code >= 0xd800 && code <= 0xdbff ? end - 1 : end
}
