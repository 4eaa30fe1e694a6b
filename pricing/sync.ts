/**
 * Brings `pricing/catalogue/` to the prices of the installed package @pydantic/genai-prices. Run at development time
 * (`npm run prices:sync`); the gateway only reads the result. What it may change and what not: append.ts.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { type Provider, waitForUpdate } from '@pydantic/genai-prices'
import { z } from 'zod'
import { systemClock } from '../gateway/domain/clock.ts'
import {
  type LockFile,
  lockFileSchema,
  type ModelRecord,
  type PricingFile,
  pricingFileSchema,
} from '../gateway/prices/pricing-file.ts'
import { type Appended, append } from './append.ts'
import { translate } from './from-genai-prices.ts'

const packageName = '@pydantic/genai-prices'

export interface Source {
  readonly version: string
  readonly providers: readonly Provider[]
}

/** A sync that would have to edit what is written. The message says what to do instead. */
export class RefusedSync extends Error {}

/** Syncs the catalogue in `folder` and returns what it did, a line each. Nothing is written where it refuses. */
export function sync(folder: URL, source: Source, today: string): readonly string[] {
  const lock = readLock(folder)
  const dataSha256 = sha256(JSON.stringify(source.providers))
  const held = readHeld(folder, lock)
  if (lock && today < lock.synced_at) {
    throw new RefusedSync(`the last sync was on ${lock.synced_at}, after ${today}: is the clock right?`)
  }
  const { files, omitted, leftOut } = translate(source.providers)
  const results = files.map((file) => append(held.get(file.provider), file, today, dayAfter(today)))
  const texts = new Map(results.map(({ file }) => [`${file.provider}.json`, format(pricingFileSchema.parse(file))]))
  for (const [provider, file] of held) {
    if (!texts.has(`${provider}.json`)) texts.set(`${provider}.json`, format(file))
  }
  const entries = [...texts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, text]) => [name, summary(text)])
  const next: LockFile = {
    package: packageName,
    version: source.version,
    data_sha256: dataSha256,
    synced_at: today,
    omitted,
    left_out: [...leftOut],
    files: Object.fromEntries(entries),
  }
  if (lock && JSON.stringify({ ...next, synced_at: lock.synced_at }) === JSON.stringify(lock))
    return ['nothing changed']
  mkdirSync(new URL('catalogue/', folder), { recursive: true })
  for (const [name, text] of texts) writeFileSync(new URL(`catalogue/${name}`, folder), text)
  writeFileSync(new URL('catalogue.lock.json', folder), `${JSON.stringify(next, undefined, 2)}\n`)
  return report(results, omitted)
}

function readLock(folder: URL): LockFile | undefined {
  const file = new URL('catalogue.lock.json', folder)
  return existsSync(file) ? lockFileSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined
}

// A file that is not as the last sync left it was edited. To go on would keep the edit or lose it, both in silence.
function readHeld(folder: URL, lock: LockFile | undefined): ReadonlyMap<string, PricingFile> {
  const catalogue = new URL('catalogue/', folder)
  const names = existsSync(catalogue) ? readdirSync(catalogue).filter((name) => name.endsWith('.json')) : []
  const missing = Object.keys(lock?.files ?? {}).filter((name) => !names.includes(name))
  if (missing.length > 0) throw new RefusedSync(`catalogue/${missing.join(', ')} is gone: restore it from git`)
  const held = new Map<string, PricingFile>()
  for (const name of names) {
    const text = readFileSync(new URL(name, catalogue), 'utf8')
    if (lock?.files[name]?.sha256 !== sha256(text)) {
      throw new RefusedSync(
        `catalogue/${name} was edited since the last sync, and prices are only ever appended: ` +
          'restore it from git, and put a price of your own into supplement/',
      )
    }
    const file = pricingFileSchema.parse(JSON.parse(text))
    held.set(file.provider, file)
  }
  return held
}

function dayAfter(day: string): string {
  return new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function summary(text: string): LockFile['files'][string] {
  const file = pricingFileSchema.parse(JSON.parse(text))
  const prices = file.models.reduce((count, model) => count + (model.prices?.length ?? 0), 0)
  return { models: file.models.length, prices, sha256: sha256(text) }
}

// A line a model and a line a price: a changed price is one added line in the diff.
function format({ models, ...head }: PricingFile): string {
  const lines = Object.entries(head).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},`)
  return `{\n${lines.join('\n')}\n  "models": [\n${models.map(formatModel).join(',\n')}\n  ]\n}\n`
}

function formatModel({ prices = [], ...head }: ModelRecord): string {
  const entries = prices.map((entry) => `\n      ${JSON.stringify(entry)}`).join(',')
  return `    {${JSON.stringify(head).slice(1, -1)}, "prices": [${entries}]}`
}

function report(results: readonly Appended[], omitted: Readonly<Record<string, number>>): readonly string[] {
  const lines = results.flatMap(({ file, added, changed, gone }) => [
    ...(added.length > 0 ? [`${file.provider}: ${added.length} new`] : []),
    ...changed.map((id) => `${file.provider}/${id}: new price`),
    ...gone.map((id) => `${file.provider}/${id}: no longer listed, kept`),
  ])
  if (lines.length === 0) lines.push('no price changed')
  return [...lines, ...Object.entries(omitted).map(([kind, models]) => `not taken over: ${kind} of ${models} models`)]
}

async function main(): Promise<void> {
  const entry = import.meta.resolve(packageName)
  const manifest = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(new URL('../package.json', entry), 'utf8')))
  const providers = (await waitForUpdate()) ?? []
  const today = new Date(systemClock.now()).toISOString().slice(0, 10)
  const lines = sync(new URL('.', import.meta.url), { version: manifest.version, providers }, today)
  process.stdout.write(`${packageName} ${manifest.version}\n${lines.map((line) => `  ${line}\n`).join('')}`)
  const schema = z.toJSONSchema(pricingFileSchema)
  writeFileSync(new URL('schema.json', import.meta.url), `${JSON.stringify(schema, undefined, 2)}\n`)
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await main()
  } catch (refused) {
    if (!(refused instanceof RefusedSync)) throw refused
    process.stderr.write(`not synced: ${refused.message}\n`)
    process.exitCode = 1
  }
}
