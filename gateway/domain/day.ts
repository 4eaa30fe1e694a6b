/** A day in UTC, as `2026-11-22`: in this form the earlier of two is the lesser. */
export type Day = string

export const quarterMs = 900_000
export const dayMs = 86_400_000

/** The day of a time in milliseconds since the epoch. */
export function dayOf(at: number): Day {
  return new Date(at).toISOString().slice(0, 10)
}
