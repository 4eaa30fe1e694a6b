import type { Candidate, Connection, ModelPattern } from '../domain/connection.ts'
import { matches, starRun } from '../domain/pattern.ts'
import type { Declared, ListedModel } from './catalog.ts'
import { memo } from './memo.ts'

/** Longer than any model's name; nobody serves a longer one. */
const modelNameLengthMax = 256
const namesRemembered = 1_000
const nobody: readonly Candidate[] = Object.freeze([])

type Served = Pick<Declared, 'connections' | 'models'>

/**
 * Who serves a model, in the order of asking. A virtual model is its members one after the other, each with all of its
 * own connections, so a fallback is reached only when nobody is left for what stands before it.
 */
export function candidatesOf(declared: Served): (model: string) => readonly Candidate[] {
  const inOrder = askingOrder(declared.connections)

  const find = (model: string) => {
    const turns = membersOf(model, declared.models).flatMap((member) => serving(inOrder, member))
    return turns.length === 0 ? undefined : ranked(turns)
  }
  const recall = memo<readonly Candidate[]>(namesRemembered)
  return (model) => (model.length > modelNameLengthMax ? nobody : (recall(model, () => find(model)) ?? nobody))
}

function askingOrder(connections: readonly Connection[]): readonly Connection[] {
  return connections.filter((connection) => connection.status === 'active').toSorted((a, b) => a.priority - b.priority)
}

/** One connection for a model; of a virtual model, for the first of its members that the connection serves. */
export function candidateOn(declared: Served, connectionId: string, model: string): Candidate | undefined {
  const connection = declared.connections.find(({ id }) => id === connectionId)
  if (connection === undefined) return undefined
  const [turn] = membersOf(model, declared.models).flatMap((member) => serving([connection], member))
  return turn && { connection, model: turn.model, rank: 0 }
}

/** What can be listed: virtual names, and names that a connection serves without a pattern; only what somebody serves. */
export function listedModels({ connections, models }: Served): readonly ListedModel[] {
  const first = firstServing(askingOrder(connections))
  const virtual = [...models.keys()].filter((name) => membersOf(name, models).some((member) => first(member)))
  const names = new Set(connections.flatMap((connection) => connection.models.map(({ pattern }) => pattern)))
  const real = [...names].flatMap((id): readonly ListedModel[] => {
    const server = id.includes('*') || models.has(id) ? undefined : first(id)
    return server === undefined ? [] : [{ id, ownedBy: server.provider }]
  })
  return [...virtual.map((id) => ({ id, ownedBy: 'tollgate' })), ...real]
}

/**
 * Finds the first connection that serves a name. What a thousand connections serve they mostly serve by the same few
 * patterns: each is tried once for a name, not once for a name and connection.
 */
function firstServing(connections: readonly Connection[]): (model: string) => Connection | undefined {
  const firstOf = new Map<string, number>()
  for (const [at, { models }] of connections.entries())
    for (const { pattern } of models) if (!firstOf.has(pattern)) firstOf.set(pattern, at)
  const stars = [...firstOf].filter(([pattern]) => pattern.includes('*'))
  return (model) => {
    if (model.length > modelNameLengthMax) return undefined
    let first = firstOf.get(model) ?? connections.length
    for (const [pattern, at] of stars) if (at < first && matches(pattern, model)) first = at
    return connections[first]
  }
}

/** The models behind a name, virtual ones unfolded, each once: where it is met first. */
function membersOf(
  model: string,
  virtual: ReadonlyMap<string, readonly string[]>,
  met = new Set<string>(),
): readonly string[] {
  if (met.has(model)) return []
  met.add(model)
  return virtual.get(model)?.flatMap((member) => membersOf(member, virtual, met)) ?? [model]
}

interface Turn {
  readonly priority: number
  readonly member: string
  readonly connection: Connection
  readonly model: string
}

function serving(connections: readonly Connection[], member: string): readonly Turn[] {
  return connections.flatMap((connection) => {
    const pattern = patternFor(connection.models, member)
    if (pattern === undefined) return []
    return [{ priority: connection.priority, member, connection, model: upstreamName(pattern, member) }]
  })
}

/** A name written out wins over a pattern, whatever their order: `{gpt-4: my-deployment}` beside `gpt-*`. */
function patternFor(patterns: readonly ModelPattern[], model: string): ModelPattern | undefined {
  return patterns.find(({ pattern }) => pattern === model) ?? patterns.find(({ pattern }) => matches(pattern, model))
}

/** An alias's `*` stands for what the pattern's own `*` met: `{"eu/*": "*"}` takes the prefix off. */
function upstreamName({ pattern, upstream }: ModelPattern, model: string): string {
  if (upstream === undefined) return model
  return upstream.includes('*') ? upstream.replace('*', () => starRun(pattern, model)) : upstream
}

function ranked(turns: readonly Turn[]): readonly Candidate[] {
  let rank = -1
  let before: Turn | undefined
  const candidates = turns.map((turn) => {
    if (turn.priority !== before?.priority || turn.member !== before.member) rank++
    before = turn
    return { connection: turn.connection, model: turn.model, rank }
  })
  return Object.freeze(candidates)
}
