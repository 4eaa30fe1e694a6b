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
  const inOrder = declared.connections
    .filter((connection) => connection.status === 'active')
    .toSorted((a, b) => a.priority - b.priority)

  const find = (model: string) => {
    const turns = membersOf(model, declared.models).flatMap((member) => serving(inOrder, member))
    return turns.length === 0 ? undefined : ranked(turns)
  }
  const recall = memo<readonly Candidate[]>(namesRemembered)
  return (model) => (model.length > modelNameLengthMax ? nobody : (recall(model, () => find(model)) ?? nobody))
}

/** One connection for a model; of a virtual model, for the first of its members that the connection serves. */
export function candidateOn(declared: Served, connectionId: string, model: string): Candidate | undefined {
  const connection = declared.connections.find(({ id }) => id === connectionId)
  if (connection === undefined) return undefined
  const [turn] = membersOf(model, declared.models).flatMap((member) => serving([connection], member))
  return turn && { connection, model: turn.model, rank: 0 }
}

/** What can be listed: virtual names, and names that a connection serves without a pattern; only what somebody serves. */
export function listedModels(
  declared: Served,
  candidates: (model: string) => readonly Candidate[],
): readonly ListedModel[] {
  const listed = new Map<string, ListedModel>()
  for (const id of declared.models.keys()) {
    if (candidates(id).length > 0) listed.set(id, { id, ownedBy: 'tollgate' })
  }
  for (const { pattern } of declared.connections.flatMap((connection) => connection.models)) {
    if (pattern.includes('*') || listed.has(pattern)) continue
    const [first] = candidates(pattern)
    if (first !== undefined) listed.set(pattern, { id: pattern, ownedBy: first.connection.provider })
  }
  return [...listed.values()]
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
