import { setTimeout as sleep } from 'node:timers/promises'
import type { Configuration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { note } from '../output.ts'
import { askConnections, type LiveConnection } from './live.ts'

/** A change is taken up within a second; somewhat longer on a machine that is busy. */
const patienceMs = 5_000
const lookMs = 100

/**
 * Waits until the gateway that runs here serves by the change, so that the next command sees it. False where none runs,
 * or it does not: that is told, and is no failure of the change.
 */
export async function takenUp(
  configuration: Configuration,
  id: string,
  isSo: (connection: LiveConnection | undefined) => boolean,
): Promise<boolean> {
  const began = systemClock.elapsed()
  for (;;) {
    const connections = await askConnections(configuration)
    if (!connections) {
      note('No gateway runs here; the next start takes it up, and one elsewhere within a second.')
      return false
    }
    if (isSo(connections.find((each) => each.id === id))) return true
    if (systemClock.elapsed() - began > patienceMs) {
      note('The running gateway has not taken it up yet; its log says why.')
      return false
    }
    await sleep(lookMs)
  }
}
