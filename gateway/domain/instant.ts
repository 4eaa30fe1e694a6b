/** Ledgers end somewhere; so do questions to them. */
const farthestMs = Date.UTC(2200, 0, 1)

/**
 * A date or a time as people write it, in milliseconds since the epoch: midnight or the time of the day in this zone,
 * unless it names a zone of its own. `undefined` where it is none, or out of this world.
 */
export function instantIn(text: string, timeZone: string): number | undefined {
  try {
    const ms = /T.*(Z|[+-]\d\d:?\d\d)$/.test(text)
      ? Temporal.Instant.from(text).epochMilliseconds
      : Temporal.PlainDateTime.from(text).toZonedDateTime(timeZone).epochMilliseconds
    return ms >= 0 && ms <= farthestMs ? ms : undefined
  } catch {
    return undefined
  }
}
