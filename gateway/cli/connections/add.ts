import { defineCommand } from 'citty'
import type { Configuration } from '../../config.ts'
import { boxedIds } from '../../declared.ts'
import { systemClock } from '../../domain/clock.ts'
import { uuidV7 } from '../../domain/id.ts'
import { insertConnection, listConnections, type NewConnection } from '../../ledger/configured/connections.ts'
import { providers } from '../../providers/index.ts'
import { connectionProblems, sealCredential } from '../../stored-connections.ts'
import { jsonOption } from '../options.ts'
import { CommandFailure, type Exit, exits, print, printJson } from '../output.ts'
import { readConfiguration } from '../read-configuration.ts'
import { masterKeysOf, withLedger } from '../visit.ts'
import { noGateway } from './ask-for-tests.ts'
import { credentialOptions, givenCredential } from './credential.ts'
import { askConnections } from './live.ts'
import { checkProvider } from './overview.ts'
import { refuseDeclared } from './owned.ts'
import { settingOptions, settingsIn } from './settings.ts'
import { takenUp } from './taken-up.ts'
import { testAfter, testOption } from './test-after.ts'

/** `tollgate connections add` */
export const add = defineCommand({
  meta: {
    description: 'Adds a connection, its key sealed; a running gateway takes it up within a second',
    examples: [
      'tollgate connections add --provider openai --key-env PROVIDER_KEY --test',
      'tollgate connections add --provider compatible --id own --base-url http://10.0.0.7:8000/v1 --allow-private-network',
    ],
  },
  args: {
    provider: { type: 'string', required: true, valueHint: 'id', description: 'Whose API it speaks' },
    id: { type: 'string', valueHint: 'slug', description: "What rows and commands call it; else the provider's id" },
    ...settingOptions,
    ...credentialOptions,
    test: testOption,
    json: jsonOption,
  },
  run: async ({ args, rawArgs }): Promise<Exit> => {
    const { provider } = args
    checkProvider(provider)
    const configuration = readConfiguration()
    if (args.id !== undefined) refuseDeclared(args.id, configuration)
    if (args.test && !(await askConnections(configuration))) throw noGateway()
    const settings = settingsIn(args, rawArgs)
    const connection = { ...settings, provider, id: uuidV7(systemClock.now()), slug: args.id ?? provider }
    check(connection, 'a-key-of-any-kind', configuration)
    const apiKey = await givenCredential(args, providers.get(provider)?.credential === 'required')
    check(connection, apiKey, configuration)
    const slug = await stored(connection, apiKey, args.id === undefined, configuration)
    const inUse = await takenUp(configuration, slug, (live) => live?.managed_by === 'database')
    if (args.json && !args.test) printJson({ id: slug, provider, taken_up: inUse })
    else if (!args.json) print(`Added ${slug}.`)
    return args.test ? testAfter(configuration, slug, args) : exits.ok
  },
})

/** Before anybody is asked for a key, and again with it. */
function check(connection: NewConnection, apiKey: string | undefined, configuration: Configuration): void {
  const needless = providers.get(connection.provider)?.credential === 'none'
  const problems = connectionProblems(connection, needless ? undefined : apiKey, configuration)
  if (problems.length === 0) return
  throw new CommandFailure(exits.wrongUse, 'the connection cannot be like this', { why: problems.join('\n  ') })
}

/** Stores it, and returns the slug it got: the one that was asked for, or the first of its provider's that is free. */
async function stored(
  connection: NewConnection,
  apiKey: string | undefined,
  anySlug: boolean,
  configuration: Configuration,
): Promise<string> {
  const sealed = apiKey === undefined ? {} : sealCredential(connection.id, apiKey, masterKeysOf(configuration))
  return withLedger(configuration, async (database) => {
    const { slug } = connection
    const taken = new Set((await listConnections(database)).map((each) => each.slug))
    for (const { id } of configuration.declared.connections) taken.add(id)
    // Somebody who did not name one does not mean to put one of the box out of use.
    if (anySlug) for (const id of boxedIds) taken.add(id)
    const free = anySlug ? firstFree(slug, taken) : slug
    const inserted = await insertConnection(database, systemClock, { ...connection, ...sealed, slug: free })
    if (inserted) return inserted.slug
    throw new CommandFailure(exits.conflict, `there is a connection ${free} already`, {
      fix: `choose another --id, or change that one: tollgate connections rotate-key ${free}`,
    })
  })
}

function firstFree(slug: string, taken: ReadonlySet<string>): string {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? slug : `${slug}-${n}`
    if (!taken.has(candidate)) return candidate
  }
}
