import { defineCommand } from 'citty'
import { duration } from '../format.ts'
import { noConnection } from '../no-connection.ts'
import { jsonOption } from '../options.ts'
import { CommandFailure, type Exit, exits, note, paint, plain, print, printJson } from '../output.ts'
import { readConfiguration } from '../read-configuration.ts'
import { clearLine, spinning } from '../spinner.ts'
import { failureWords, noGateway, type Tested, testAll } from './ask-for-tests.ts'
import { isServed } from './health-table.ts'
import { askConnections, type LiveConnection } from './live.ts'

/** `tollgate connections test` */
export const test = defineCommand({
  meta: {
    description: 'Tests connections with a real call of one token each, on the path of traffic; it is metered',
    examples: ['tollgate connections test --all', 'tollgate connections test main --model gpt-4o-mini'],
  },
  args: {
    id: { type: 'positional', required: false, valueHint: 'id…', description: 'The connections to test' },
    all: { type: 'boolean', description: 'Test all that are in use' },
    model: {
      type: 'string',
      valueHint: 'name',
      description: 'The model to ask for, as clients would; else the first that is named, used or likely',
    },
    json: jsonOption,
  },
  run: async ({ args }): Promise<Exit> => {
    const configuration = readConfiguration()
    const connections = await askConnections(configuration)
    if (!connections) throw noGateway()
    const ids = chosen(args._, args.all === true, connections)
    let ended = 0
    const words = () => `testing ${ids[ended] ?? ''} (${ended + 1} of ${ids.length})`
    const tests = await spinning(words, () =>
      testAll(configuration, ids, args.model, (tested) => {
        ended++
        if (args.json) return
        clearLine()
        print(testLines(tested))
      }),
    )
    if (args.json) printJson({ ok: tests.every(({ ok }) => ok), tests })
    if (tests.length === 0) note('No connection is in use.')
    return tests.every(({ ok }) => ok) ? exits.ok : exits.failure
  },
})

function chosen(named: readonly string[], all: boolean, known: readonly LiveConnection[]): readonly string[] {
  if (all === named.length > 0) {
    throw new CommandFailure(exits.wrongUse, 'tollgate connections test wants the ids of connections, or --all', {
      fix: 'tollgate connections list shows them',
    })
  }
  if (all) return known.filter((connection) => isServed({ connection })).map(({ id }) => id)
  const missing = named.find((id) => !known.some((each) => each.id === id))
  if (missing === undefined) return [...new Set(named)]
  throw noConnection(missing)
}

/** `✓ main  gpt-4o-mini  412 ms …`; of a failure also where it was sent, what was said, and what to do. */
export function testLines(tested: Tested): string {
  const { ok, connection, error, hint } = tested
  const head = plain([connection, tested.requested_model ?? ''].filter((word) => word !== '').join('  '))
  if (ok) return `${paint('green', '✓')} ${head}  ${success(tested)}`
  const lines = [error?.message, tested.url ?? undefined, hint === null ? undefined : `→ ${hint}`]
  // Providers write over several lines.
  const told = lines.filter((line) => line !== undefined).map((line) => plain(line.replace(/\s+/g, ' ').trim()))
  const below = told.filter((line) => line !== '').map((line) => `\n  ${line}`)
  return `${paint('red', '✗')} ${head}  ${plain(failureWords(tested))}${below.join('')}`
}

function success({ latency_ms, first_token_ms, input_tokens, output_tokens, cost_usd }: Tested): string {
  const parts = [
    latency_ms === null ? undefined : duration(latency_ms),
    first_token_ms === null ? undefined : `first token ${duration(first_token_ms)}`,
    input_tokens === null ? undefined : `${input_tokens} + ${output_tokens ?? 0} tokens`,
    cost_usd === null ? undefined : `$${cost_usd}`,
  ]
  return parts.filter((part) => part !== undefined).join(', ')
}
