import { styleText } from 'node:util'
import { ConfigurationError, describe } from '../config/problem.ts'

/** What a process says with its last word. Scripts go by these, so they do not change. */
export const exits = {
  ok: 0,
  failure: 1,
  wrongUse: 2,
  notFound: 3,
  unreachable: 5,
  /** It is there already, or somebody else decides about it. */
  conflict: 6,
  /** What a look at health found: the worst of all connections. */
  degraded: 10,
  warning: 11,
  critical: 12,
  interrupted: 130,
} as const
export type Exit = (typeof exits)[keyof typeof exits]

export interface FailureDetail {
  readonly why?: string
  /** What the person can do about it. */
  readonly fix?: string
  readonly cause?: unknown
}

/** A command could not do what was asked: what, why, what to do, each on a line of its own. */
export class CommandFailure extends Error {
  readonly exit: Exit
  readonly detail: FailureDetail

  constructor(exit: Exit, what: string, detail: FailureDetail = {}) {
    super(what, { cause: detail.cause })
    this.name = 'CommandFailure'
    this.exit = exit
    this.detail = detail
  }
}

const gone = new AbortController()
/** Aborted when nobody reads stdout any more: `tollgate usage tail | head`. */
export const readerGone: AbortSignal = gone.signal

/** To stdout: what was asked for, and nothing else. */
export function print(text: string): void {
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => gone.abort())
  if (!gone.signal.aborted) process.stdout.write(`${text}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2))
}

/** Words of others, for a terminal, on one line: a control character among them would be obeyed. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
}

/** To stderr: what a person wants to know and a script does not. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** A colour, or several. */
export type Style = Parameters<typeof styleText>[0]

/** With colour where stdout is a terminal and nobody said NO_COLOR. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout })
}

/** Says what went wrong: to a person on stderr, to a script as a problem (RFC 9457) on stdout. Returns the exit code. */
export function report(thrown: unknown, asJson: boolean): Exit {
  const failure = failureOf(thrown)
  const { exit, message, detail } = failure
  const problems = thrown instanceof ConfigurationError ? thrown.problems : undefined
  if (asJson) {
    printJson({
      type: 'about:blank',
      title: message,
      ...(detail.why !== undefined && { detail: detail.why }),
      ...(detail.fix !== undefined && { fix: detail.fix }),
      ...(problems && { problems }),
      exit_code: exit,
    })
    return exit
  }
  // Whoever pressed Ctrl-C knows.
  if (exit === exits.interrupted) return exit
  const lines = [...(problems ?? []).map(describe), ...[detail.why, detail.fix].filter((line) => line !== undefined)]
  note(`${styleText('red', 'error:', { stream: process.stderr })} ${[message, ...lines].join('\n  ')}`)
  return exit
}

function failureOf(thrown: unknown): CommandFailure {
  if (thrown instanceof CommandFailure) return thrown
  if (thrown instanceof ConfigurationError)
    return new CommandFailure(exits.wrongUse, 'the configuration cannot be used')
  return new CommandFailure(exits.failure, thrown instanceof Error ? thrown.message : String(thrown))
}
