import { defineCommand } from 'citty'
import { systemClock } from '../../domain/clock.ts'
import { duration, percent } from '../format.ts'
import { noConnection } from '../no-connection.ts'
import { jsonOption, urlOption } from '../options.ts'
import { plain, print, printJson } from '../output.ts'
import { limitWords } from '../own-limits.ts'
import { readConfiguration } from '../read-configuration.ts'
import { trackWord } from '../tracking.ts'
import { isServed, lastUsedWords } from './health-table.ts'
import { successHours } from './ledger-look.ts'
import { overviewOf, type Seen, successOf } from './overview.ts'
import { connectionDocument, limitsDocument } from './overview-document.ts'

/** `tollgate connections show` */
export const show = defineCommand({
  meta: {
    description: 'Shows all there is to know of one connection, but its credential',
    examples: ['tollgate connections show main', "tollgate connections show main --json | jq '.health'"],
  },
  args: {
    id: { type: 'positional', required: true, valueHint: 'id', description: 'The connection' },
    url: urlOption,
    json: jsonOption,
  },
  run: async ({ args }) => {
    const { connections } = await overviewOf(readConfiguration(), args.url)
    const seen = connections.find(({ connection }) => connection.id === args.id)
    if (!seen) throw noConnection(args.id)
    if (args.json) return printJson({ ...connectionDocument(seen), ...more(seen) })
    print(
      linesOf(seen)
        .map(([name, text]) => `${name.padEnd(12)} ${plain(text)}`)
        .join('\n'),
    )
  },
})

function more({ connection }: Seen) {
  return {
    api_version: connection.api_version,
    header_names: connection.header_names,
    allow_private_network: connection.allow_private_network,
    track_usage: connection.track_usage,
    limits_used: connection.limits,
  }
}

function linesOf(seen: Seen): readonly (readonly [string, string])[] {
  const { connection, health } = seen
  const { models, limits, header_names: headers, api_version: version } = connection
  const success = successOf(seen)
  const now = systemClock.now()
  return [
    ['id', connection.id],
    ['name', connection.name],
    ['provider', `${connection.provider} at ${connection.base_url}${version === null ? '' : `, version ${version}`}`],
    ['credential', connection.key_hint ?? '—'],
    ['status', connection.status],
    ...(seen.problem === undefined ? [] : [['problem', seen.problem] as const]),
    ['health', health && isServed(seen) ? `${health.status}: ${health.why}` : '—'],
    ...(health?.rest ? [['rest', restWords(health.rest, now)] as const] : []),
    ['success', success === undefined ? '—' : `${percent(success)} in ${successHours} h`],
    ['last used', lastUsedWords(seen, now)],
    ['routing', `priority ${connection.priority}, weight ${connection.weight}`],
    [
      'models',
      models.map(({ pattern, upstream }) => (upstream === null ? pattern : `${pattern}→${upstream}`)).join(', '),
    ],
    ['limits', limitWords(limitsDocument(limits))],
    ...(headers.length > 0 ? [['headers', headers.join(', ')] as const] : []),
    ['tracking', trackWord(connection.track_usage)],
    ...(connection.allow_private_network ? [['network', 'private addresses allowed'] as const] : []),
    ['source', connection.source],
  ]
}

function restWords({ reason, until }: { readonly reason: string; readonly until: string }, now: number): string {
  return `${duration(Math.max(0, Date.parse(until) - now))} more (${reason})`
}
