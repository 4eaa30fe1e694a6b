import type { Reservation } from '../limits/limit-store.ts'
import type { Entry } from './entry.ts'
import type { Gateway } from './gateway.ts'
import type { Cost } from './price.ts'

/**
 * Replaces what was held by what was used. A refused call leaves nothing behind; an attempt that was sent counts as a
 * request of its connection, whatever came of it.
 */
export async function settle(
  { attempts, reservation }: Entry,
  costs: readonly Cost[],
  gateway: Gateway,
): Promise<void> {
  const { clock, limits, log } = gateway
  const at = clock.now()
  try {
    const settled: Promise<void>[] = []
    let tokens = 0
    for (const [index, attempt] of attempts.entries()) {
      const used = costs[index]?.totals.total ?? 0
      tokens += used
      const held = attempt.reservation
      if (!holds(held)) continue
      const unsent = attempt.outcome?.unsent
      settled.push(unsent ? limits.release(held) : limits.settle(held, spent(held, used), at))
    }
    if (holds(reservation)) {
      const unused = attempts.length === 0
      settled.push(unused ? limits.release(reservation) : limits.settle(reservation, spent(reservation, tokens), at))
    }
    await Promise.all(settled)
  } catch (error) {
    // The answer is out and its row is written; the leases run out by themselves.
    log.warn({ error }, 'a reservation was not settled')
  }
}

function holds(reservation: Reservation | undefined): reservation is Reservation {
  return reservation !== undefined && reservation.holds.length > 0
}

function spent({ holds }: Reservation, tokens: number): readonly number[] {
  return holds.map(({ limit }) => (limit.measure === 'tokens' ? tokens : 1))
}
