import { isObject } from '../dialects/json-value.ts'

type Fields = Readonly<Record<string, unknown>>

/** What an error body says, in whichever of the family's shapes it says it. */
export interface StatedFailure {
  /** HTTP's own, or, in an answer that began with 200, the one that the body means. */
  readonly status: number
  /** Its code, type and status in words, as far as there are such, the most telling first. */
  readonly words: readonly string[]
  readonly message: string
  /** The error object itself. */
  readonly error: Fields
}

/**
 * Reads `{"error": {…}}` (OpenAI), the same in a list (Google), `{"error": "…", "code": …}` (xAI), and bodies that are
 * the error themselves: `{"message": …}` (Cohere, vLLM), `{"detail": …}` (Mistral). What is none of these, or no JSON,
 * leaves the status to speak.
 */
export function statedFailure(httpStatus: number, body: Uint8Array): StatedFailure {
  const top = fieldsIn(body)
  const error = isObject(top['error']) ? top['error'] : top
  const sources = [error['code'], error['type'], error['status'], top['code'], top['type']]
  const words = sources.filter((source) => typeof source === 'string')
  const messages = [error['message'], top['error'], top['message'], top['detail']]
  const message = messages.find((source) => typeof source === 'string') ?? ''
  // A status of 2xx promised an answer; that it is an error after all is for the body to say.
  const began = httpStatus >= 200 && httpStatus < 300
  return { status: began ? meantStatus(error, words) : httpStatus, words, message, error }
}

function fieldsIn(body: Uint8Array): Fields {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString())
    const first: unknown = Array.isArray(value) ? value[0] : value
    return isObject(first) ? first : {}
  } catch {
    return {}
  }
}

/** The status that an error would have had, had it come before the head. What names none is the provider's failure. */
function meantStatus(error: Fields, words: readonly string[]): number {
  for (const name of ['code', 'status', 'status_code'] as const) {
    // From outside it may be anything, objects that are no number when asked for one included.
    const stated = error[name]
    const status = typeof stated === 'number' || typeof stated === 'string' ? Number(stated) : Number.NaN
    if (Number.isInteger(status) && status >= 400 && status <= 599) return status
  }
  for (const word of words) {
    const plain = word.toLowerCase().replace(/[^a-z]/g, '')
    const meant = meanings.find(([pattern]) => pattern.test(plain))
    if (meant) return meant[1]
  }
  return 500
}

/** Words of codes and types without their signs (`rate_limit_exceeded`, `RESOURCE_EXHAUSTED`), the narrower before the wider. */
const meanings: readonly (readonly [RegExp, number])[] = [
  [/insufficientquota|billing|insufficientbalance|insufficientcredit|paymentrequired|currentquota/, 402],
  [/ratelimit|toomanyrequests|resourceexhausted|throttl/, 429],
  [/overloaded|unavailable|timeout|servererror|internal|apierror/, 500],
  [/authentication|apikey|unauthori[sz]ed|unauthenticated/, 401],
  [/permission|forbidden|accessdenied/, 403],
  [/notfound/, 404],
  [
    /invalid|badrequest|unprocessable|unsupported|validation|contentfilter|contentpolicy|safety|contextlength|toolong/,
    400,
  ],
]
