import { defineCommand } from 'citty'
import { healthWords } from '../../domain/settings.ts'
import { jsonOption, urlOption } from '../options.ts'
import { note, print, printJson } from '../output.ts'
import { readConfiguration } from '../read-configuration.ts'
import { healthTable } from './health-table.ts'
import { checkProvider, noteSource, overviewOf, selected } from './overview.ts'
import { overviewDocument } from './overview-document.ts'

export const providerOption = { type: 'string', valueHint: 'id', description: "Only this provider's" } as const

/** `tollgate connections list` */
export const list = defineCommand({
  meta: {
    description: 'Lists the connections in the order they are asked: success of the last 24 hours, health, last use',
    examples: [
      'tollgate connections list --health critical',
      "tollgate connections list --json | jq '.connections[].id'",
    ],
  },
  args: {
    provider: providerOption,
    health: { type: 'enum', options: [...healthWords], valueHint: 'word', description: 'Only those that are so' },
    url: urlOption,
    json: jsonOption,
  },
  run: async ({ args }) => {
    checkProvider(args.provider)
    const overview = await overviewOf(readConfiguration(), args.url)
    const connections = selected(overview.connections, args)
    if (args.json) return printJson(overviewDocument({ ...overview, connections }))
    if (connections.length === 0) return note('No such connections.')
    print(healthTable(connections))
    noteSource(overview)
  },
})
