import { defineCommand } from 'citty'
import { systemClock } from '../../domain/clock.ts'
import { removeConnection } from '../../ledger/configured/connections.ts'
import { jsonOption } from '../options.ts'
import { CommandFailure, type Exit, exits, note, print, printJson } from '../output.ts'
import { canAsk, confirmed } from '../prompt.ts'
import { readConfiguration } from '../read-configuration.ts'
import { withLedger } from '../visit.ts'
import { ownedConnection } from './owned.ts'
import { takenUp } from './taken-up.ts'

/** `tollgate connections rm` */
export const rm = defineCommand({
  meta: {
    description: 'Removes a connection and its key for good; what it was used for stays in the ledger',
    examples: ['tollgate connections rm main', 'tollgate connections rm main --yes'],
  },
  args: {
    id: { type: 'positional', required: true, valueHint: 'id', description: 'The connection' },
    yes: { type: 'boolean', description: 'Do not ask' },
    json: jsonOption,
  },
  run: async ({ args: { id, yes, json } }): Promise<Exit> => {
    const configuration = readConfiguration()
    const { provider } = await withLedger(configuration, (database) => ownedConnection(database, id, configuration))
    if (!yes && !canAsk()) {
      throw new CommandFailure(exits.wrongUse, `${id} is not removed without a yes`, { fix: 'say it with --yes' })
    }
    if (!yes && !(await confirmed(`Remove ${id} (${provider}) and its key?`))) {
      note('Nothing was removed.')
      return exits.wrongUse
    }
    await withLedger(configuration, (database) => removeConnection(database, systemClock, id))
    // One that comes with the box is there again when nobody else decides about its id.
    const inUse = await takenUp(configuration, id, (live) => live?.managed_by !== 'database')
    if (json) printJson({ id, removed: true, taken_up: inUse })
    else print(`${id} is removed.`)
    return exits.ok
  },
})
