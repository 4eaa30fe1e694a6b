import { type Logger, pino } from 'pino'

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>

/**
 * One line of JSON an event, to stderr: stdout is for what a person or a script reads. Fields are named one by one at
 * each call (no request, header or configuration object is ever handed over whole), so there is nothing to redact; of an
 * error only what names it is written.
 */
export function openLog(level: string): Log {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { error: errorFields } },
    pino.destination({ dest: 2, sync: true }),
  )
}

function errorFields(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { message: String(thrown) }
  return {
    name: thrown.name,
    message: thrown.message,
    ...('code' in thrown && { code: thrown.code }),
    stack: thrown.stack,
  }
}
