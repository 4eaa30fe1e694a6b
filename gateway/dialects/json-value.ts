/** An object of parsed JSON, of whose members nothing is known. */
export type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function objectOr(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}

/** The provider's own word for something (a finish reason, a tier), as long as it is a word. */
export function word(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, wordCharsMax) : undefined
}

const wordCharsMax = 100
