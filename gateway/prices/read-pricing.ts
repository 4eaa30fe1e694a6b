import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { z } from 'zod'
import {
  type LockFile,
  lockFileSchema,
  type Match,
  type ModelRecord,
  type PricingFile,
  pricingFileSchema,
  type SellersFile,
  sellersFileSchema,
} from './pricing-file.ts'
import { entryProblems, listProblems, sellerProblems, unsoldProblems } from './pricing-problems.ts'

/** Everything in `pricing/`, read once at start: the catalogue with the supplement laid over it. */
export interface Pricing {
  /** By the provider's id in the catalogue. */
  readonly lists: ReadonlyMap<string, PriceList>
  /** By the provider's id in the gateway. One that is not here sells by the list of its own name, if there is one. */
  readonly sellers: ReadonlyMap<string, SellersFile['providers'][number]>
}

export interface PriceList {
  readonly provider: string
  readonly makes: readonly Match[]
  readonly serviceTiers: NonNullable<PricingFile['service_tiers']>
  readonly models: readonly ModelRecord[]
  /** In the order in which they are tried. */
  readonly matchers: readonly { readonly match: Match; readonly id: string }[]
}

/** Every problem of the folder, each with its file and entry. */
export class PricingError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`the price files cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.name = 'PricingError'
    this.problems = problems
  }
}

const lockName = 'catalogue.lock.json'

/** Reads the folder `pricing/`. Throws a `PricingError` that names every problem. */
export function readPricing(folder: URL | string): Pricing {
  const root = typeof folder === 'string' ? pathToFileURL(folder.endsWith('/') ? folder : `${folder}/`) : folder
  const problems: string[] = []
  const lock = existsSync(new URL(lockName, root)) ? readFile(root, lockName, lockFileSchema, problems) : undefined
  const inCatalogue = namesIn(root, 'catalogue', problems)
  const catalogue = readFiles(root, 'catalogue', inCatalogue, problems, lock?.files)
  const supplement = readFiles(root, 'supplement', namesIn(root, 'supplement', problems), problems)
  const sellers = readFile(root, 'providers.json', sellersFileSchema, problems)?.providers ?? []
  const lists = new Map<string, PriceList>()
  for (const provider of new Set([...catalogue.keys(), ...supplement.keys()])) {
    const list = laidOver(provider, catalogue.get(provider), supplement.get(provider))
    lists.set(provider, list)
    // What lies over a file that could not be read has nothing under it: the one problem would show as a hundred.
    if (catalogue.has(provider) || !inCatalogue.includes(`${provider}.json`)) problems.push(...listProblems(list))
  }
  problems.push(...sellers.flatMap((seller) => sellerProblems(seller, lists)))
  problems.push(...[...lists.keys()].flatMap((list) => unsoldProblems(list, sellers)))
  if (problems.length > 0) throw new PricingError(problems)
  return { lists, sellers: new Map(sellers.map((seller) => [seller.id, withOwnList(seller, lists)])) }
}

/** Who names no list has the one of its own name, if there is one: a file of prices needs no second line to count. */
function withOwnList<Seller extends SellersFile['providers'][number]>(
  seller: Seller,
  lists: ReadonlyMap<string, unknown>,
): Seller {
  return seller.catalogue === undefined && lists.has(seller.id) ? { ...seller, catalogue: seller.id } : seller
}

function readFiles(
  root: URL,
  folder: string,
  names: readonly string[],
  problems: string[],
  synced: LockFile['files'] = {},
): ReadonlyMap<string, PricingFile> {
  const files = new Map<string, PricingFile>()
  for (const name of names) {
    const path = `${folder}/${name}`
    const file = readFile(root, path, pricingFileSchema, problems, synced[name]?.sha256)
    if (!file) continue
    if (`${file.provider}.json` !== name)
      problems.push(`${path}: is named after another provider than ${file.provider}`)
    problems.push(...entryProblems(file).map((problem) => `${path}: ${problem}`))
    files.set(file.provider, file)
  }
  return files
}

function namesIn(root: URL, folder: string, problems: string[]): readonly string[] {
  try {
    return readdirSync(new URL(folder, root))
      .filter((name) => name.endsWith('.json'))
      .sort()
  } catch (failure) {
    problems.push(`${folder}: ${said(failure)}`)
    return []
  }
}

function readFile<T>(
  root: URL,
  path: string,
  schema: z.ZodType<T>,
  problems: string[],
  vouched?: string,
): T | undefined {
  let content: unknown
  try {
    const text = readFileSync(new URL(path, root), 'utf8')
    content = JSON.parse(text)
    // As the sync left it, and the sync checked it. To check 1,500 models again would be most of the gateway's start.
    if (vouched !== undefined && createHash('sha256').update(text).digest('hex') === vouched) return content as T
  } catch (failure) {
    problems.push(`${path}: ${said(failure)}`)
    return undefined
  }
  const parsed = schema.safeParse(content)
  if (parsed.success) return parsed.data
  problems.push(...parsed.error.issues.map((issue) => `${path}: ${placeOf(content, issue.path)}: ${issue.message}`))
  return undefined
}

function said(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure)
}

// `models.12.prices.0` tells nobody anything: an entry is called by its id or version where it has one.
function placeOf(content: unknown, path: readonly PropertyKey[]): string {
  let at = content
  const steps = path.map((step) => {
    at = typeof at === 'object' && at !== null ? (at as Readonly<Record<PropertyKey, unknown>>)[step] : undefined
    const named = typeof at === 'object' && at !== null ? (at as { id?: unknown; version?: unknown }) : {}
    const name = named.id ?? named.version
    return typeof step === 'number' && typeof name === 'string' ? name : String(step)
  })
  return steps.join(' › ') || 'the file'
}

function laidOver(provider: string, below: PricingFile | undefined, above: PricingFile | undefined): PriceList {
  const models = new Map((below?.models ?? []).map((model) => [model.id, model]))
  for (const model of above?.models ?? []) {
    const under = models.get(model.id)
    models.set(model.id, {
      ...under,
      ...model,
      aliases: [...(under?.aliases ?? []), ...(model.aliases ?? [])],
      prices: [...(under?.prices ?? []), ...(model.prices ?? [])],
    })
  }
  const files = [above, below].flatMap((file) => file ?? [])
  return {
    provider,
    makes: files.flatMap((file) => file.model_match ?? []),
    serviceTiers: files.toReversed().flatMap((file) => file.service_tiers ?? []),
    models: [...models.values()],
    matchers: files.flatMap((file) => file.models.flatMap(({ id, match }) => (match ? [{ match, id }] : []))),
  }
}
