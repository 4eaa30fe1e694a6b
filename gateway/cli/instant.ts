import { instantIn } from '../domain/instant.ts'
import { CommandFailure, exits } from './output.ts'

/** What `--from 2026-11-01` means: midnight in this zone; a time with a zone of its own is taken by that. */
export function instantOf(option: string, text: string, timeZone: string): number {
  const ms = instantIn(text, timeZone)
  if (ms !== undefined) return ms
  throw new CommandFailure(
    exits.wrongUse,
    `--${option} wants a date (2026-11-01) or a time (2026-11-01T09:00:00Z), and got ${JSON.stringify(text)}`,
  )
}
