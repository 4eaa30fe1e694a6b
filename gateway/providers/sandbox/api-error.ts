import { STATUS_CODES } from 'node:http'

/** An answer of the sandbox that is an error, in OpenAI's shape. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string | null
  readonly param: string | null

  constructor(status: number, code: string | null, message: string, param: string | null = null) {
    super(message)
    this.status = status
    this.code = code
    this.param = param
  }

  get body(): { readonly error: object } {
    const { message, param, code } = this
    return { error: { message, type: typeOf(this.status), param, code } }
  }

  get headers(): Readonly<Record<string, string>> {
    return this.status === 429 ? { 'retry-after': '1' } : {}
  }
}

const codes: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  402: 'insufficient_quota',
  404: 'model_not_found',
  429: 'rate_limit_exceeded',
}

/** What a provider says by this status, said because the model is asked for nothing else. */
export function errorOf(status: number, model: string): ApiError {
  const reason = STATUS_CODES[status] ?? 'no name of its own'
  return new ApiError(status, codes[status] ?? null, `${model} answers ${status} (${reason}): it is made to.`)
}

export function invalid(param: string, expected: string): ApiError {
  return new ApiError(400, 'invalid_value', `Invalid '${param}': expected ${expected}.`, param)
}

export function missing(param: string): ApiError {
  return new ApiError(400, 'missing_required_parameter', `Missing required parameter: '${param}'.`, param)
}

export function unknownModel(model: string): ApiError {
  return new ApiError(404, 'model_not_found', `The model \`${model}\` does not exist in the sandbox.`)
}

function typeOf(status: number): string {
  if (status === 429) return 'requests'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}
