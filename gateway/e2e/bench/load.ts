/** The load generator's process: applies each load it is sent, one after the other, and answers with what it measured. */
import { systemClock } from '../../domain/clock.ts'
import { LoadRun } from './load-run.ts'
import type { Load } from './load-spec.ts'

process.on('message', async (message) => {
  // Sent by the bench, from this same tree.
  const load = message as Load
  try {
    process.send?.({ measured: await new LoadRun(load, systemClock).run() })
  } catch (thrown) {
    process.send?.({ failed: `the load could not be applied: ${thrown}` })
  }
})
process.on('disconnect', () => process.exit(0))
