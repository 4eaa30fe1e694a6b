/**
 * The sandbox's own tokens, simple enough to be counted by hand: a run of letters and digits, or of other signs,
 * together with the white space before it; what is longer than 8 bytes is cut again. English makes about four bytes a
 * token, as with real models. The tokens of a text, put together, are the text.
 */
const tokenBytesMax = 8

/** Cuts a text into its tokens. */
export function tokensOf(text: string): string[] {
  const tokens: string[] = []
  for (let start = 0; start < text.length; ) {
    const end = tokenEnd(text, start)
    tokens.push(text.slice(start, end))
    start = end
  }
  return tokens
}

export function countTokens(text: string): number {
  let count = 0
  for (let start = 0; start < text.length; start = tokenEnd(text, start)) count++
  return count
}

function tokenEnd(text: string, start: number): number {
  let end = start
  let bytes = 0
  while (bytes < tokenBytesMax && isSpace(text.charCodeAt(end))) {
    end++
    bytes++
  }
  const word = isWord(text.charCodeAt(end))
  while (end < text.length) {
    const point = text.codePointAt(end) ?? 0
    bytes += byteLength(point)
    if (bytes > tokenBytesMax || isSpace(point) || isWord(point) !== word) break
    end += point > 0xffff ? 2 : 1
  }
  return end
}

function isSpace(point: number): boolean {
  return point === 0x20 || (point >= 0x09 && point <= 0x0d)
}

/** Whatever lies beyond ASCII counts as a letter. */
function isWord(point: number): boolean {
  const lower = point | 0x20
  return point >= 0x80 || (point >= 0x30 && point <= 0x39) || (lower >= 0x61 && lower <= 0x7a)
}

function byteLength(point: number): number {
  if (point < 0x80) return 1
  if (point < 0x800) return 2
  return point > 0xffff ? 4 : 3
}
