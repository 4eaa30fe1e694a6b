import { defineCommand } from 'citty'
import { type Configuration, ConfigurationError, configSchema, describe, printConfig } from '../config.ts'
import { counted } from './format.ts'
import { jsonOption } from './options.ts'
import { exits, print, printJson } from './output.ts'
import { readConfiguration } from './read-configuration.ts'

const validate = defineCommand({
  meta: {
    description: 'Checks environment and file, and reports every mistake at once',
    examples: ['tollgate config validate', 'TOLLGATE_CONFIG=next.yaml tollgate config validate'],
  },
  args: { json: jsonOption },
  run: ({ args }) => {
    try {
      const configuration = readConfiguration()
      if (args.json) printJson({ valid: true, file: configuration.configFile ?? null, problems: [] })
      else print(`In order: ${summaryOf(configuration)}`)
      return exits.ok
    } catch (error) {
      if (!args.json || !(error instanceof ConfigurationError)) throw error
      printJson({
        valid: false,
        file: null,
        problems: error.problems.map((problem) => ({ ...problem, text: describe(problem) })),
      })
      return exits.wrongUse
    }
  },
})

const show = defineCommand({
  meta: {
    description: 'Prints what holds, secrets masked, and where each value comes from',
    examples: ['tollgate config print', 'tollgate config print --json'],
  },
  args: { json: jsonOption },
  run: ({ args }) => print(printConfig(readConfiguration(), args.json ? 'json' : 'yaml').trimEnd()),
})

const schema = defineCommand({
  meta: {
    description: "Prints the file's JSON schema, for editors",
    examples: ['tollgate config schema > tollgate.schema.json', "tollgate config schema | jq '.properties | keys'"],
  },
  run: () => printJson(configSchema()),
})

/** `tollgate config …` */
export const config = defineCommand({
  meta: {
    description: 'The configuration: whether it is right, and what it says',
    examples: ['tollgate config validate', 'tollgate config print'],
  },
  subCommands: { validate, print: show, schema },
})

/** What was read, in a line. */
export function summaryOf({ configFile, declared }: Configuration): string {
  const { connections, keys, limits, models } = declared
  if (configFile === undefined) return 'the environment alone, no file'
  const parts = [
    counted(connections.length, 'connection'),
    counted(keys.length, 'key'),
    counted(limits.length, 'limit'),
    counted(models.size, 'virtual model'),
  ]
  return `${configFile}: ${parts.join(', ')}`
}
