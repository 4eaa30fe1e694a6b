import { Fault } from '../domain/fault.ts'

export type Body = Readonly<Record<string, unknown>>

/** More answers than this to one request nobody offers. */
export const choicesMax = 128

const modelCharsMax = 256

export function invalid(param: string, expected: string): Fault {
  return new Fault('invalid_request', `Invalid value for '${param}': expected ${expected}.`, { param })
}

export function modelOf(body: Body): string {
  const model = body['model']
  if (model === undefined || model === null) {
    throw new Fault('missing_required_parameter', "Missing required parameter: 'model'.", { param: 'model' })
  }
  if (typeof model !== 'string' || model === '') throw invalid('model', "a model's name")
  if (model.length > modelCharsMax) throw invalid('model', `a name of at most ${modelCharsMax} characters`)
  return model
}

/** A whole number at `name`, `undefined` where there is none. */
export function wholeNumber(body: Body, name: string, min = 0, max = Number.MAX_SAFE_INTEGER): number | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value
  const bound = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  throw invalid(name, `a whole number ${bound}`)
}

/** Texts to be counted, and tokens that the client has counted itself by sending numbers. */
export function textsAndTokens(input: unknown): { readonly texts: readonly string[]; readonly tokens: number } {
  const texts: string[] = []
  let tokens = 0
  const take = (item: unknown) => {
    if (typeof item === 'string') texts.push(item)
    else if (typeof item === 'number') tokens++
    else if (Array.isArray(item)) item.forEach(take)
  }
  take(input)
  return { texts, tokens }
}
