import type { Catalog } from '../catalog/catalog.ts'
import type { ModelPattern } from '../domain/connection.ts'
import { dayMs } from '../domain/day.ts'
import type { Key } from '../domain/key.ts'
import { keyMay, matches, starRun } from '../domain/pattern.ts'
import type { Gateway } from '../pipeline/gateway.ts'

/** A model as a key sees it, in OpenAI's shape. */
export interface Model {
  readonly id: string
  readonly object: 'model'
  readonly created: number
  readonly owned_by: string
}

/** What the keys of one set of patterns may call. */
export interface ModelList {
  /** The answer to `GET /v1/models`. */
  readonly json: string
  readonly byId: ReadonlyMap<string, Model>
}

type Parts = Pick<Gateway, 'catalog' | 'prices' | 'clock'>

/** Sets of patterns whose lists are kept; a gateway's keys have a few. */
const keptMax = 64

/**
 * Lists what a key may call: virtual models, names that connections spell out, and, for those that serve patterns, the
 * names in the provider's price list that match. That can be thousands, so a list is put together once for each set of
 * a key's patterns, and again only when another catalog is in force or another day's prices.
 */
export class ModelLists {
  readonly #gateway: Parts
  readonly #created: number
  #catalog: Catalog | undefined
  #day = 0
  #all: readonly Model[] = []
  readonly #lists = new Map<string, ModelList>()

  constructor(gateway: Parts) {
    this.#gateway = gateway
    this.#created = Math.floor(gateway.clock.now() / 1000)
  }

  of(key: Key): ModelList {
    this.#renew()
    const patterns = JSON.stringify(key.models)
    const kept = this.#lists.get(patterns)
    if (kept) return kept
    const data = this.#all.filter(({ id }) => keyMay(key, id))
    const list = {
      json: JSON.stringify({ object: 'list', data }),
      byId: new Map(data.map((model) => [model.id, model])),
    }
    if (this.#lists.size === keptMax) this.#lists.clear()
    this.#lists.set(patterns, list)
    return list
  }

  /** One that no list holds, since only its pattern is known. */
  unlisted(id: string, key: Key): Model | undefined {
    const [candidate] = this.#gateway.catalog.candidates(id)
    return candidate && keyMay(key, id) ? this.#model(id, candidate.connection.provider) : undefined
  }

  #renew(): void {
    const { catalog, clock } = this.#gateway
    // Prices come into effect at midnight, UTC.
    const day = Math.floor(clock.now() / dayMs)
    if (catalog === this.#catalog && day === this.#day) return
    this.#catalog = catalog
    this.#day = day
    this.#lists.clear()
    const owners = ownersOf(this.#gateway)
    const ids = [...owners.keys()].sort()
    this.#all = ids.map((id) => this.#model(id, owners.get(id) ?? ''))
  }

  #model(id: string, ownedBy: string): Model {
    return { id, object: 'model', created: this.#created, owned_by: ownedBy }
  }
}

/** Every name that can be listed and that somebody serves, and who is said to own it: the first to be asked that knows it. */
function ownersOf({ catalog, prices, clock }: Parts): ReadonlyMap<string, string> {
  const owners = new Map(catalog.models().map(({ id, ownedBy }) => [id, ownedBy]))
  const inOrder = catalog.connections
    .filter(({ status }) => status === 'active')
    .toSorted((a, b) => a.priority - b.priority)
  for (const { provider, models } of inOrder) {
    const known = models.some(({ pattern }) => pattern.includes('*')) ? prices.models(provider, clock.now()) : []
    for (const id of models.flatMap((pattern) => namesUnder(pattern, known))) {
      // Served for certain, by this connection: to ask the catalog too would cost most of the time this takes.
      if (!owners.has(id)) owners.set(id, provider)
    }
  }
  return owners
}

/** The names that clients can ask for under a pattern, of models that the provider is known to have. */
function namesUnder({ pattern, upstream }: ModelPattern, known: readonly string[]): readonly string[] {
  if (!pattern.includes('*')) return []
  if (upstream === undefined) return known.filter((name) => matches(pattern, name))
  // An alias without a star leads every name to one model; there is no end of those.
  if (!upstream.includes('*')) return []
  return known
    .filter((name) => matches(upstream, name))
    .map((name) => pattern.replace('*', () => starRun(upstream, name)))
}
