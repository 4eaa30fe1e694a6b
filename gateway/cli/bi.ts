import { defineCommand } from 'citty'
import { systemClock } from '../domain/clock.ts'
import { type BiAccess, grantBi, listBiAccess, revokeBi } from '../ledger/bi-access.ts'
import { everyOrg } from '../ledger/roles.ts'
import { actor } from './actor.ts'
import { jsonOption } from './options.ts'
import { CommandFailure, exits, note, print, printJson } from './output.ts'
import { readConfiguration } from './read-configuration.ts'
import { table } from './table.ts'
import { withLedger } from './visit.ts'

const loginArg = { type: 'positional', valueHint: 'login', description: 'A login of the PostgreSQL server' } as const
const orgArg = { type: 'string', valueHint: 'id', description: 'An organisation; several with commas' } as const

const grant = defineCommand({
  meta: {
    description: "Lets a BI tool's login read the usage of an organisation through the views",
    examples: ['tollgate bi grant metabase --org acme', 'tollgate bi grant finance --all-orgs'],
  },
  args: {
    login: loginArg,
    org: orgArg,
    'all-orgs': { type: 'boolean', description: 'Every organisation, also those to come' },
    json: jsonOption,
  },
  run: async ({ args }) => {
    const orgs = orgsOf(args)
    if (orgs.length === 0) {
      throw new CommandFailure(exits.wrongUse, `whose usage may ${args.login} see?`, { fix: '--org ID or --all-orgs' })
    }
    const access = { login: loginOf(args.login), orgs }
    const { changed, missing } = await withLedger(readConfiguration(), (database) =>
      grantBi(database, systemClock, actor(), access),
    )
    if (args.json) return printJson({ ...access, changed, missing: missing ?? null })
    note(changed ? `${access.login} may see ${orgWords(orgs)}.` : `${access.login} may see ${orgWords(orgs)} already.`)
    if (missing === undefined) return
    note('Before it can, an administrator of the server has to run:')
    print(missing)
  },
})

const revoke = defineCommand({
  meta: {
    description: 'Takes organisations from a login, or all it was given',
    examples: ['tollgate bi revoke metabase --org acme', 'tollgate bi revoke metabase --all'],
  },
  args: {
    login: loginArg,
    org: orgArg,
    all: { type: 'boolean', description: 'All it was given, by name or by --all-orgs' },
    json: jsonOption,
  },
  run: async ({ args }) => {
    if (args.all ? args.org !== undefined : args.org === undefined) {
      throw new CommandFailure(exits.wrongUse, `what may ${args.login} not see any more?`, {
        fix: 'one of --org ID and --all',
      })
    }
    const access = { login: loginOf(args.login), orgs: orgsOf(args) }
    const changed = await withLedger(readConfiguration(), (database) =>
      revokeBi(database, systemClock, actor(), access),
    )
    if (!changed)
      throw new CommandFailure(exits.notFound, `${access.login} was not given that`, { fix: 'tollgate bi list' })
    if (args.json) return printJson({ ...access, all: args.all === true, changed })
    note(`${access.login} does not see ${access.orgs.length === 0 ? 'anything' : orgWords(access.orgs)} any more.`)
  },
})

const list = defineCommand({
  meta: {
    description: 'Lists the logins that may read usage through the views, and what of it',
    examples: ['tollgate bi list', 'tollgate bi list --json'],
  },
  args: { json: jsonOption },
  run: async ({ args }) => {
    const logins = await withLedger(readConfiguration(), listBiAccess)
    if (args.json) return printJson({ logins: logins.map((each) => ({ ...each, missing: each.missing ?? null })) })
    if (logins.length > 0) print(table(columns, logins.map(cellsOf)))
    else note('Nobody may read the views. Let somebody: tollgate bi grant LOGIN --org ID')
  },
})

/** `tollgate bi …` */
export const bi = defineCommand({
  meta: {
    description: "Who may read usage by SQL: logins of BI tools, and which organisations' rows they see",
    examples: ['tollgate bi grant metabase --org acme', 'tollgate bi list'],
  },
  subCommands: { grant, revoke, list },
})

const columns = ['LOGIN', 'SEES', 'STILL TO BE RUN BY AN ADMINISTRATOR'].map((head) => ({ head, widthMax: 120 }))

function cellsOf({ login, orgs, missing }: BiAccess): readonly string[] {
  return [login, orgWords(orgs), missing ?? '—']
}

function orgWords(orgs: readonly string[]): string {
  return orgs.includes(everyOrg.org) ? 'every organisation' : orgs.join(', ')
}

interface OrgArgs {
  readonly org?: string | undefined
  readonly 'all-orgs'?: boolean | undefined
}

function orgsOf({ org, 'all-orgs': all }: OrgArgs): readonly string[] {
  const named = (org ?? '').split(',').map((id) => id.trim())
  if (org === undefined) return all ? [everyOrg.org] : []
  if (all) throw new CommandFailure(exits.wrongUse, '--org and --all-orgs say different things')
  const odd = named.find((id) => id === '' || id === everyOrg.org)
  if (odd === undefined) return named
  throw new CommandFailure(exits.wrongUse, `--org wants ids of organisations, and got ${JSON.stringify(org)}`, {
    fix: 'every organisation is granted by --all-orgs, and revoked by --all',
  })
}

// PostgreSQL cuts longer names without a word, and the row would be of a login that is not there.
const loginBytesMax = 63

function loginOf(login = ''): string {
  if (Buffer.byteLength(login) > loginBytesMax) {
    throw new CommandFailure(exits.wrongUse, `a login of PostgreSQL has ${loginBytesMax} bytes at most`)
  }
  if (login.trim() !== '') return login
  throw new CommandFailure(exits.wrongUse, 'which login?', { fix: 'the name that the BI tool logs in with' })
}
