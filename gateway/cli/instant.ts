import { CommandFailure, exits } from './output.ts'

/** Times that make sense of an option; ledgers end somewhere, and so do questions to them. */
const farthestMs = Date.UTC(2200, 0, 1)

/** What `--from 2026-11-01` means: midnight in this zone; a time with a zone of its own is taken by that. */
export function instantOf(option: string, text: string, timeZone: string): number {
  try {
    const ms = /T.*(Z|[+-]\d\d:?\d\d)$/.test(text)
      ? Temporal.Instant.from(text).epochMilliseconds
      : Temporal.PlainDateTime.from(text).toZonedDateTime(timeZone).epochMilliseconds
    if (ms >= 0 && ms <= farthestMs) return ms
  } catch {
    // Told below, like a time out of this world.
  }
  throw new CommandFailure(
    exits.wrongUse,
    `--${option} wants a date (2026-11-01) or a time (2026-11-01T09:00:00Z), and got ${JSON.stringify(text)}`,
  )
}
