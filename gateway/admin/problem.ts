/** Every way the admin API says no, in one table. A code, once shipped, does not change. */
export const problems = {
  invalid_json: { status: 400, title: 'The body is not a JSON object' },
  invalid_request: { status: 400, title: 'The request is not in order' },
  unknown_parameter: { status: 400, title: 'There is no such parameter' },
  connection_not_found: { status: 404, title: 'There is no such connection' },
  route_not_found: { status: 404, title: 'There is nothing at this address' },
  request_too_large: { status: 413, title: 'The body is too large' },
  model_required: { status: 422, title: 'It has to be said which model' },
  internal: { status: 500, title: 'The gateway failed on this request' },
  journal_unavailable: { status: 503, title: 'The journal cannot be written' },
  shutting_down: { status: 503, title: 'The gateway is going down' },
} as const

export type ProblemCode = keyof typeof problems

/** What is wrong at one place of a body, by its JSON pointer. */
export interface Wrong {
  readonly pointer: string
  readonly detail: string
}

/** So many places of a body are told; the rest mostly has the same cause. */
const errorsMax = 100

/** A refusal of the admin API. `message` is for whoever asked: it holds no secret. */
export class Problem extends Error {
  readonly code: ProblemCode
  readonly errors: readonly Wrong[]

  constructor(code: ProblemCode, message: string, errors: readonly Wrong[] = []) {
    super(message)
    this.name = 'Problem'
    this.code = code
    this.errors = errors.slice(0, errorsMax)
  }
}

/** The answer in the words of RFC 9457; `code` is what programs go by. */
export function problemResponse({ code, message, errors }: Problem): Response {
  const { status, title } = problems[code]
  const wrong = errors.length > 0 && { errors }
  const body = { type: `/docs/errors#${code}`, title, status, detail: message, code, ...wrong }
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/problem+json' } })
}
