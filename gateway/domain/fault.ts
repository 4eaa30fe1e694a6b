/**
 * Every way a call can fail by our word, in one table. A code, once shipped, does not change. `status` is HTTP's,
 * `openai` and `anthropic` are the error types of those dialects (field conventions: what their SDKs switch on), and
 * `retry` is what we tell SDKs that honour `x-should-retry`: `false` never, otherwise left to their own judgement.
 */
export const faults = {
  missing_api_key: { status: 401, openai: 'invalid_request_error', anthropic: 'authentication_error', retry: false },
  invalid_api_key: { status: 401, openai: 'invalid_request_error', anthropic: 'authentication_error', retry: false },
  expired_api_key: { status: 401, openai: 'invalid_request_error', anthropic: 'authentication_error', retry: false },
  model_not_allowed: { status: 403, openai: 'permission_error', anthropic: 'permission_error', retry: false },
  model_not_found: { status: 404, openai: 'invalid_request_error', anthropic: 'not_found_error', retry: false },
  request_not_found: { status: 404, openai: 'invalid_request_error', anthropic: 'not_found_error', retry: false },
  route_not_found: { status: 404, openai: 'invalid_request_error', anthropic: 'not_found_error', retry: false },
  method_not_allowed: {
    status: 405,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    retry: false,
  },
  invalid_json: { status: 400, openai: 'invalid_request_error', anthropic: 'invalid_request_error', retry: false },
  invalid_request: { status: 400, openai: 'invalid_request_error', anthropic: 'invalid_request_error', retry: false },
  missing_required_parameter: {
    status: 400,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    retry: false,
  },
  invalid_header: { status: 400, openai: 'invalid_request_error', anthropic: 'invalid_request_error', retry: false },
  request_too_large: { status: 413, openai: 'invalid_request_error', anthropic: 'request_too_large', retry: false },
  unsupported_media_type: {
    status: 415,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    retry: false,
  },
  rate_limit_exceeded: { status: 429, openai: 'requests', anthropic: 'rate_limit_error', retry: undefined },
  upstream_rate_limited: { status: 429, openai: 'server_error', anthropic: 'rate_limit_error', retry: undefined },
  /** Nobody is left to read this; it names the row. */
  client_closed: { status: 499, openai: 'server_error', anthropic: 'api_error', retry: undefined },
  internal: { status: 500, openai: 'server_error', anthropic: 'api_error', retry: undefined },
  upstream_credentials_exhausted: { status: 502, openai: 'server_error', anthropic: 'api_error', retry: false },
  upstream_error: { status: 502, openai: 'server_error', anthropic: 'api_error', retry: undefined },
  upstream_response_too_large: { status: 502, openai: 'server_error', anthropic: 'api_error', retry: false },
  upstream_stream_truncated: { status: 502, openai: 'server_error', anthropic: 'api_error', retry: undefined },
  no_healthy_connection: { status: 503, openai: 'server_error', anthropic: 'overloaded_error', retry: undefined },
  journal_unavailable: { status: 503, openai: 'server_error', anthropic: 'api_error', retry: undefined },
  ledger_unavailable: { status: 503, openai: 'server_error', anthropic: 'api_error', retry: undefined },
  shutting_down: { status: 503, openai: 'server_error', anthropic: 'api_error', retry: undefined },
  upstream_timeout: { status: 504, openai: 'server_error', anthropic: 'timeout_error', retry: undefined },
} as const satisfies Record<string, FaultKind>

export interface FaultKind {
  readonly status: number
  readonly openai: string
  readonly anthropic: string
  readonly retry: false | undefined
}

export type FaultCode = keyof typeof faults

export interface FaultDetail {
  /** The request field at fault. */
  readonly param?: string
  /** How long the caller should wait. Over a minute, SDKs are told not to retry by themselves. */
  readonly retryAfterMs?: number
  /** Overrides the table's OpenAI type: `requests`, `tokens` or `concurrency` for a limit. */
  readonly type?: string
  /** No waiting will help: SDKs are told not to retry by themselves. */
  readonly hopeless?: boolean
  /** Machine-readable detail, shown beside the message as `error.metadata`. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** What really happened; for logs only. */
  readonly cause?: unknown
}

/**
 * A failure with a name. `message` is for the client: it never holds a key, a URL with credentials, or upstream text;
 * those stay in `cause`.
 */
export class Fault extends Error {
  readonly code: FaultCode
  readonly detail: FaultDetail

  constructor(code: FaultCode, message: string, detail: FaultDetail = {}) {
    super(message, { cause: detail.cause })
    this.name = 'Fault'
    this.code = code
    this.detail = detail
  }

  get status(): number {
    return faults[this.code].status
  }
}

/** Anything that is no Fault is a bug, and becomes `internal`. */
export function toFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown
  return new Fault('internal', 'The gateway failed on this request. Its id is in x-request-id.', { cause: thrown })
}
