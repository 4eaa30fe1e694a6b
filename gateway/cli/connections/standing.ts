import { defineCommand } from 'citty'
import { systemClock } from '../../domain/clock.ts'
import { type StoredConnection, updateConnection } from '../../ledger/configured/connections.ts'
import { jsonOption } from '../options.ts'
import { print, printJson } from '../output.ts'
import { readConfiguration } from '../read-configuration.ts'
import { withLedger } from '../visit.ts'
import { ownedConnection } from './owned.ts'
import { takenUp } from './taken-up.ts'

type Standing = StoredConnection['status']

/** `tollgate connections enable` */
export const enable = commandTo('active', {
  description: 'Lets a connection have calls again',
  examples: ['tollgate connections enable main', 'tollgate connections enable main --json'],
})

/** `tollgate connections disable` */
export const disable = commandTo('inactive', {
  description: 'Takes a connection out of use: it gets no new calls, and those under way end',
  examples: ['tollgate connections disable main', 'tollgate connections disable main --json'],
})

/** `tollgate connections drain` */
export const drain = commandTo('draining', {
  description: 'As disable, and says to everybody that it is on its way out',
  examples: ['tollgate connections drain main', 'tollgate connections drain main --json'],
})

function commandTo(status: Standing, meta: { readonly description: string; readonly examples: readonly string[] }) {
  return defineCommand({
    meta,
    args: {
      id: { type: 'positional', required: true, valueHint: 'id', description: 'The connection' },
      json: jsonOption,
    },
    run: async ({ args: { id, json } }) => {
      const configuration = readConfiguration()
      const before = await withLedger(configuration, async (database) => {
        const stored = await ownedConnection(database, id, configuration)
        if (stored.status !== status) await updateConnection(database, systemClock, id, { status })
        return stored.status
      })
      const inUse = await takenUp(configuration, id, (live) => live !== undefined && standingOf(live) === status)
      if (json) printJson({ id, status, changed: before !== status, taken_up: inUse })
      else print(before === status ? `${id} is ${status} already.` : `${id} is ${status}; it was ${before}.`)
    },
  })
}

/** An error is a matter of an active one. */
function standingOf({ status }: { readonly status: Standing | 'error' }): Standing {
  return status === 'error' ? 'active' : status
}
