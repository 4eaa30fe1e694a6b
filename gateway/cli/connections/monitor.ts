import { setTimeout as sleep } from 'node:timers/promises'
import { defineCommand } from 'citty'
import type { Configuration } from '../../config.ts'
import { jsonOption, urlOption } from '../options.ts'
import { CommandFailure, type Exit, exits, note, plain, print, printJson, readerGone } from '../output.ts'
import { readConfiguration } from '../read-configuration.ts'
import { adviceFor } from './advice.ts'
import { hasFailed, type Tested, testAll } from './ask-for-tests.ts'
import { healthTable, isServed, worstOf } from './health-table.ts'
import { providerOption } from './list.ts'
import { checkProvider, isElsewhere, noteSource, type Overview, overviewOf, type Seen, selected } from './overview.ts'
import { overviewDocument } from './overview-document.ts'

/** `tollgate connections monitor`, and for short `tollgate monitor` and `tollgate health` */
export const monitor = defineCommand({
  meta: {
    description: 'Says how every connection is; ends with 12 where one that is in use is critical',
    examples: ['tollgate monitor --test', "tollgate monitor --exit-code --json | jq '.connections[] | {id, health}'"],
  },
  args: {
    provider: providerOption,
    test: { type: 'boolean', description: 'Test each that is in use with a real call of one token, which is metered' },
    'exit-code': { type: 'boolean', description: 'End with 10 where the worst is degraded, with 11 for a warning' },
    watch: { type: 'string', valueHint: 'seconds', description: 'Say it again and again, as in 5s, until Ctrl-C' },
    url: urlOption,
    json: jsonOption,
  },
  run: async ({ args }): Promise<Exit> => {
    checkProvider(args.provider)
    if (args.test && isElsewhere(args.url)) throw testElsewhere()
    const everyMs = args.watch === undefined ? undefined : secondsIn(args.watch) * 1_000
    const configuration = readConfiguration()
    if (everyMs === undefined) return shown(await look(configuration, args), args)
    return watched(configuration, args, everyMs)
  },
})

interface Wanted {
  readonly provider?: string | undefined
  readonly test?: boolean | undefined
  readonly 'exit-code'?: boolean | undefined
  readonly url?: string | undefined
  readonly json?: boolean | undefined
}

interface Found {
  readonly overview: Overview
  readonly tests: ReadonlyMap<string, Tested> | undefined
}

async function look(configuration: Configuration, wanted: Wanted): Promise<Found> {
  const before = await overviewOf(configuration, wanted.url)
  if (before.healthFrom === undefined) {
    throw new CommandFailure(exits.unreachable, 'no gateway answers here, and no ledger tells how it was', {
      fix: 'start the gateway with: npm start; or say where its data is: TOLLGATE_DATA_DIR, DATABASE_URL',
    })
  }
  const connections = selected(before.connections, wanted)
  if (!wanted.test) return { overview: { ...before, connections }, tests: undefined }
  const testable = connections.filter((seen) => isServed(seen) && seen.problem === undefined)
  const ids = testable.map(({ connection }) => connection.id)
  const tests = new Map((await testAll(configuration, ids, undefined)).map((tested) => [tested.connection, tested]))
  // A test may have ended a rest, or found a credential refused.
  const after = selected((await overviewOf(configuration, wanted.url)).connections, wanted)
  return {
    overview: { ...before, connections: after.map((seen) => judgedBy(tests.get(seen.connection.id), seen)) },
    tests,
  }
}

/** What a test has just found holds, whatever the rows of those before it say. */
function judgedBy(tested: Tested | undefined, seen: Seen): Seen {
  const { connection, health } = seen
  if (!tested || !isServed(seen) || (!tested.ok && !hasFailed(tested))) return seen
  const status = hasFailed(tested) || health?.credential_refused ? 'error' : 'active'
  return { ...seen, connection: { ...connection, status } }
}

function shown({ overview, tests }: Found, wanted: Wanted): Exit {
  const { connections } = overview
  const next = adviceFor(connections, tests)
  if (wanted.json) printJson({ ...overviewDocument(overview, tests), next: next ?? null })
  else if (connections.length === 0) note('No such connections.')
  else {
    print([healthTable(connections, tests), ...(next === undefined ? [] : [`Next: ${plain(next)}`])].join('\n'))
    noteSource(overview)
  }
  return exitOf(connections, tests, wanted)
}

function exitOf(connections: readonly Seen[], tests: Found['tests'], wanted: Wanted): Exit {
  const worst = worstOf(connections)
  if (worst === 'critical') return exits.critical
  const unusable = connections.some(({ problem }) => problem !== undefined)
  if (unusable || [...(tests?.values() ?? [])].some(hasFailed)) return exits.failure
  if (!wanted['exit-code'] || worst === 'healthy') return exits.ok
  return exits[worst]
}

async function watched(configuration: Configuration, wanted: Wanted, everyMs: number): Promise<Exit> {
  for (;;) {
    const found = await look(configuration, wanted)
    // On a terminal the last picture makes way for the next.
    if (process.stdout.isTTY && !wanted.json) process.stdout.write('\u001b[2J\u001b[H')
    const exit = shown(found, wanted)
    // An embedded database that is opened each time would keep a gateway from starting.
    if (found.overview.healthFrom !== 'gateway' && configuration.databaseUrl === undefined) return exit
    await sleep(everyMs, undefined, { signal: readerGone }).catch(() => {})
    if (readerGone.aborted) return exit
  }
}

function testElsewhere(): CommandFailure {
  return new CommandFailure(exits.wrongUse, 'tests are for the gateway that runs here, and another one was named', {
    fix: 'leave out --test, or --url and TOLLGATE_URL',
  })
}

function secondsIn(text: string): number {
  const seconds = /^[1-9]\d{0,4}s?$/.test(text) ? Number.parseInt(text, 10) : 0
  if (seconds >= 1) return seconds
  throw new CommandFailure(exits.wrongUse, `--watch wants whole seconds, as in 5s, and got ${JSON.stringify(text)}`)
}
