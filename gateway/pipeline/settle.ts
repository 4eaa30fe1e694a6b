import type { Hold } from '../domain/limit.ts'
import { totals } from '../domain/usage.ts'
import type { Reservation } from '../limits/limit-store.ts'
import type { Entry } from './entry.ts'
import type { Gateway } from './gateway.ts'
import type { Cost } from './price.ts'

/**
 * Replaces what was held by what was used. A refused call leaves nothing behind; an attempt that was sent counts as a
 * request of its connection, whatever came of it.
 */
export async function settle(entry: Entry, costs: readonly Cost[], gateway: Gateway): Promise<void> {
  const at = gateway.clock.now()
  const all = entry.attempts.map(({ reservation }, index) =>
    settled(reservation, costs.slice(index, index + 1), gateway, at),
  )
  const { reservation } = entry
  if (reservation && reservation.holds.length > 0) {
    all.push(
      entry.attempts.length === 0 ? gateway.limits.release(reservation) : settled(reservation, costs, gateway, at),
    )
  }
  try {
    await Promise.all(all)
  } catch (error) {
    // The answer is out and its row is written; the leases run out by themselves.
    gateway.log.warn({ error }, 'a reservation was not settled')
  }
}

async function settled(
  reservation: Reservation | undefined,
  costs: readonly Cost[],
  gateway: Gateway,
  at: number,
): Promise<void> {
  if (!reservation || reservation.holds.length === 0) return
  const tokens = costs.reduce((sum, { usage }) => sum + (totals(usage).total ?? 0), 0)
  const spent = reservation.holds.map(({ limit }: Hold) => (limit.measure === 'tokens' ? tokens : 1))
  await gateway.limits.settle(reservation, spent, at)
}
