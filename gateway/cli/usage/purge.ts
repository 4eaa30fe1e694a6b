import { defineCommand } from 'citty'
import type { Configuration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { countPurge, type Purged, purge } from '../../ledger/purge/purge.ts'
import type { Identity } from '../../ledger/purge/purge-identity.ts'
import { actor } from '../actor.ts'
import { count, rowsInWords } from '../format.ts'
import { jsonOption } from '../options.ts'
import { CommandFailure, type Exit, exits, note, printJson } from '../output.ts'
import { canAsk, confirmed } from '../prompt.ts'
import { readConfiguration } from '../read-configuration.ts'
import { spinning } from '../spinner.ts'
import { withLedger } from '../visit.ts'

const kinds = ['user', 'session', 'agent', 'key'] as const satisfies readonly Identity['kind'][]

/** `tollgate usage purge` */
export const purgeUsage = defineCommand({
  meta: {
    description: 'Forgets who rows were for, as if tracking had been off; totals and budgets stay',
    examples: [
      'tollgate usage purge --user ana@example.com --org acme --dry-run',
      'tollgate usage purge --agent a-17 --yes',
    ],
  },
  args: {
    user: { type: 'string', valueHint: 'id', description: 'Rows of this user' },
    session: { type: 'string', valueHint: 'id', description: 'Rows of this session' },
    agent: { type: 'string', valueHint: 'id', description: 'Rows of this agent' },
    key: { type: 'string', valueHint: 'id', description: 'Rows of this key' },
    org: { type: 'string', valueHint: 'id', description: 'Only in this organisation; in every one without it' },
    'dry-run': { type: 'boolean', description: 'Only say how many rows would be changed' },
    yes: { type: 'boolean', description: 'Do not ask' },
    json: jsonOption,
  },
  run: async ({ args }): Promise<Exit> => {
    const identity = identityOf(args)
    const configuration = readConfiguration()
    const rows = await withLedger(configuration, (database) => countPurge(database, identity))
    if (args['dry-run']) {
      if (args.json) printJson({ dry_run: true, rows })
      else note(`${rowsInWords(rows)} would be changed. Nothing was.`)
      return exits.ok
    }
    if (!args.yes && !(await agreed(identity, rows))) {
      note('Nothing was changed.')
      return exits.wrongUse
    }
    return tell(await purged(configuration, identity, rows), args.json === true)
  },
})

function identityOf(args: { readonly [each in Identity['kind'] | 'org']?: string | undefined }): Identity {
  const given = kinds.filter((kind) => args[kind] !== undefined)
  const [kind] = given
  const value = kind && args[kind]
  if (given.length !== 1 || kind === undefined || !value) {
    throw new CommandFailure(exits.wrongUse, 'say who is to be forgotten', {
      fix: 'one of --user, --session, --agent and --key, with an id',
    })
  }
  return { kind, value, org: args.org }
}

async function agreed({ kind, value, org }: Identity, rows: number): Promise<boolean> {
  const where = org === undefined ? 'in every organisation' : `in ${org}`
  if (canAsk()) {
    return confirmed(
      `Forget who ${rowsInWords(rows)} of ${kind} ${JSON.stringify(value)} ${where} were for? This cannot be undone.`,
    )
  }
  throw new CommandFailure(exits.wrongUse, 'nobody is forgotten without a yes', {
    fix: 'look first with --dry-run; then say it with --yes',
  })
}

function purged(configuration: Configuration, identity: Identity, all: number): Promise<Purged> {
  let done = 0
  return spinning(
    () => `${count(done)} / ${count(all)}`,
    () =>
      withLedger(
        configuration,
        (database, signal) =>
          purge(database, systemClock, {
            ...{ identity, actor: actor(), signal },
            progressed: (rows) => {
              done = rows
            },
          }),
        'ends',
      ),
  )
}

function tell({ rows, series, quarantined, interrupted }: Purged, asJson: boolean): Exit {
  if (asJson) printJson({ dry_run: false, interrupted, rows, series, quarantined })
  else {
    const others = `${count(series)} series of sums, ${rowsInWords(quarantined)} in quarantine`
    note(`${interrupted ? 'Interrupted: changed' : 'Changed'} ${rowsInWords(rows)}, ${others}.`)
    note(interrupted ? 'Run it again for the rest.' : 'Calls under way bring a few more: run it again in a minute.')
  }
  return interrupted ? exits.interrupted : exits.ok
}
