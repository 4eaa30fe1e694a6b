import { invalid, missing } from './api-error.ts'

/** A JSON object as it came. */
export type Fields = Readonly<Record<string, unknown>>

/** The body as an object, or the 400 that OpenAI gives. */
export function fieldsOf(body: unknown, param: string): Fields {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid(param, 'an object')
  return body as Fields
}

export function textOf(value: unknown, param: string): string {
  if (value === undefined || value === null) throw missing(param)
  if (typeof value !== 'string') throw invalid(param, 'a string')
  return value
}

/** In optional fields `null` says as little as absence does. */
export function flagOf(value: unknown, param: string): boolean {
  if (value === undefined || value === null) return false
  if (typeof value !== 'boolean') throw invalid(param, 'a boolean')
  return value
}

export function numberOf(value: unknown, param: string, min: number, max: number): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw invalid(param, `a number from ${min} to ${max}`)
  }
  return value
}

export function countOf(value: unknown, param: string, min: number, max: number): number | undefined {
  const count = numberOf(value, param, min, max)
  if (count !== undefined && !Number.isInteger(count)) throw invalid(param, `a whole number from ${min} to ${max}`)
  return count
}

export function listOf(value: unknown, param: string): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw invalid(param, 'an array')
  return value
}

export function oneOf<const Choice extends string>(value: unknown, param: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((one) => one === value)
  if (choice === undefined) throw invalid(param, `one of ${choices.map((one) => `'${one}'`).join(', ')}`)
  return choice
}
