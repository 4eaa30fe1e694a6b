const hidden = '…'

/** A shorter name is taken out where it stands in quotes alone: bare, it is as likely a number or an article. */
const bareCharsMin = 3
/** So much of a name at the end of a text is its beginning, and the rest was cut off. */
const cutCharsMin = 8

/**
 * A text without these names: where a row says nobody's name, the message of its error must not either, and refusals of
 * ours and of providers name whom they refuse. Whole words only: taking "ana" out of "analysis" would protect nobody. Of
 * metadata the values count as names.
 */
export function withoutNames(text: string, names: readonly unknown[]): string {
  return names
    .flatMap((name) => (typeof name === 'object' && name !== null ? Object.values(name) : name))
    .filter((name) => typeof name === 'string')
    .flatMap(spellings)
    .sort((a, b) => b.length - a.length)
    .reduce(without, text)
}

/** As it is, as it stands inside of JSON, and as messages have it, which are kept on one line. */
function spellings(name: string): readonly string[] {
  const all = [name, JSON.stringify(name).slice(1, -1), name.replace(/\p{Cc}+/gu, ' ')]
  return [...new Set(all)].filter((spelling) => spelling.trim() !== '')
}

function without(text: string, name: string): string {
  const around = name.length < bareCharsMin ? isQuoted : isWhole
  const clean = text.replaceAll(name, (found, at: number) =>
    around(text.slice(Math.max(0, at - 2), at), text.slice(at + name.length, at + name.length + 2)) ? hidden : found,
  )
  return withoutCut(clean, name)
}

function isWhole(before: string, after: string): boolean {
  // By `^` and not by `$`: V8 takes the second half of a letter beyond U+FFFF for all that stands before `$`.
  return ![[...before].at(-1) ?? '', after].some((text) => /^[\p{L}\p{N}_]/u.test(text))
}

function isQuoted(before: string, after: string): boolean {
  return /['"`“‘«]$/.test(before) && /^\\?['"`”’»]/.test(after)
}

/** Messages are cut at a length, maybe in the middle of a name. */
function withoutCut(text: string, name: string): string {
  for (let length = Math.min(name.length - 1, text.length); length >= cutCharsMin; length--) {
    if (!text.endsWith(name.slice(0, length))) continue
    const rest = text.slice(0, -length)
    return isWhole(rest.slice(-2), '') ? rest + hidden : text
  }
  return text
}
