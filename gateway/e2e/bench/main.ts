/** `npm run bench`: what Tollgate costs beside the least that a proxy on Node can be. README.md says how to read it. */
import { Children } from './children.ts'
import { measure } from './measure.ts'
import { measureParts } from './micro.ts'
import { type Options, readOptions, usage } from './options.ts'
import { partsTable, report } from './report.ts'

const children = new Children()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    void children.end().finally(() => process.exit(130))
  })
}

try {
  const options = asked()
  if (options !== undefined) process.exitCode = await bench(options)
} catch (thrown) {
  tell(`The bench failed: ${thrown instanceof Error ? thrown.message : thrown}`)
  process.exitCode = 1
} finally {
  await children.end()
}

function asked(): Options | undefined {
  try {
    const options = readOptions(process.argv.slice(2))
    if (options === undefined) process.stdout.write(usage)
    return options
  } catch (thrown) {
    tell(`${thrown instanceof Error ? thrown.message : thrown}\n\n${usage}`)
    process.exitCode = 2
    return undefined
  }
}

async function bench(options: Options): Promise<number> {
  const parts = options.only.includes('micro') ? await measureParts() : []
  const proxies = options.only.some((id) => id !== 'micro') ? await measure(options, children, tell) : undefined
  if (options.json) process.stdout.write(`${JSON.stringify({ parts, proxies }, undefined, 2)}\n`)
  else process.stdout.write([partsTable(parts), report(proxies)].filter((text) => text !== '').join('\n'))
  if (proxies === undefined || proxies.faults.length === 0) return 0
  tell(`The figures are void:\n${proxies.faults.join('\n')}`)
  return 1
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`)
}
