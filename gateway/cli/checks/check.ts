/** One thing that was looked at, what was found, and what to do about it. */
export interface Check {
  readonly name: string
  readonly status: 'ok' | 'warning' | 'failed'
  readonly found: string
  readonly fix?: string
}

export function ok(name: string, found: string): Check {
  return { name, status: 'ok', found }
}

/** It works, and somebody should know. */
export function warning(name: string, found: string, fix: string): Check {
  return { name, status: 'warning', found, fix }
}

/** It does not work as it is. */
export function failed(name: string, found: string, fix: string): Check {
  return { name, status: 'failed', found, fix }
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
