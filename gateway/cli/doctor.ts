import { defineCommand } from 'citty'
import { type Configuration, ConfigurationError, describe } from '../config.ts'
import { type Check, failed, ok } from './checks/check.ts'
import { checkDataDir, checkDisk } from './checks/data-dir.ts'
import { checkDatabase } from './checks/database.ts'
import { checkGateway, checkPort } from './checks/gateway.ts'
import { checkPrices } from './checks/prices.ts'
import { summaryOf } from './config.ts'
import { counted } from './format.ts'
import { jsonOption } from './options.ts'
import { type Exit, exits, note, paint, print, printJson } from './output.ts'
import { readConfiguration } from './read-configuration.ts'

/** `tollgate doctor` */
export const doctor = defineCommand({
  meta: {
    description: 'Looks at all that has to be right, and says what to do about the rest',
    examples: ['tollgate doctor', 'tollgate doctor --json | jq \'.checks[] | select(.status != "ok")\''],
  },
  args: { json: jsonOption },
  run: async ({ args }): Promise<Exit> => {
    const checks = await examined()
    const failures = checks.filter(({ status }) => status === 'failed').length
    if (args.json) printJson({ ok: failures === 0, checks: checks.map((check) => ({ fix: null, ...check })) })
    else {
      print(checks.map(lineOf).join('\n'))
      if (failures > 0) note(`\n${counted(failures, 'thing')} to repair.`)
    }
    return failures > 0 ? exits.failure : exits.ok
  },
})

async function examined(): Promise<readonly Check[]> {
  try {
    const configuration = readConfiguration()
    return [ok('configuration', summaryOf(configuration)), ...(await examine(configuration))]
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    // Without a configuration nobody knows where the rest would be.
    const { problems } = error
    const found = [counted(problems.length, 'mistake'), ...problems.map(describe)].join('\n')
    return [failed('configuration', found, 'correct it; the rest is looked at then')]
  }
}

async function examine(configuration: Configuration): Promise<readonly Check[]> {
  const { running, checks } = await checkGateway(configuration)
  return [
    checkDataDir(configuration.dataDir),
    checkDisk(configuration.dataDir),
    ...(await checkDatabase(configuration)),
    await checkPort(configuration, running),
    ...checks,
    await checkPrices(configuration),
  ]
}

const marks = { ok: ['✓', 'green'], warning: ['!', 'yellow'], failed: ['✗', 'red'] } as const
const nameWidth = 16

function lineOf({ name, status, found, fix }: Check): string {
  const [mark, colour] = marks[status]
  const indent = `\n${' '.repeat(nameWidth + 3)}`
  const words = fix === undefined ? found : `${found}\n→ ${fix}`
  return `${paint(colour, mark)} ${name.padEnd(nameWidth)} ${words.replaceAll('\n', indent)}`
}
