import type { LimitRule } from '../catalog/catalog.ts'
import type { Connection } from '../domain/connection.ts'
import { check } from './check.ts'
import { type ConnectionDefaults, connectionFrom, withAddresses } from './declare.ts'
import { type ConfigDocument, valueAt } from './document.ts'
import type { Preset } from './finding.ts'
import { limitsIn, ruleOf } from './limited.ts'
import { sectionsOf } from './sections.ts'

/** A connection with its limits, or everything that is wrong with it, as `member: found …, expected …`. */
export type ReadConnection =
  | { readonly connection: Connection; readonly limits: readonly LimitRule[] }
  | { readonly problems: readonly string[] }

/**
 * A connection that does not stand in the file, by the members that it would have there: checked by the same rules, and
 * made in the same way.
 */
export function readConnection(
  entry: Readonly<Record<string, unknown>>,
  providers: ReadonlyMap<string, Preset>,
  defaults: ConnectionDefaults,
): ReadConnection {
  const document = plainDocument({ connections: [entry] })
  const { content, problems } = check(document, { providers, builtIn: { connections: [], keys: [] } })
  const [complete] = content === undefined ? [] : withAddresses(content, providers).connections
  if (problems.length > 0 || complete === undefined) {
    return { problems: problems.map(({ path, message }) => `${path.replace(/^connections\[0\]\.?/, '')}: ${message}`) }
  }
  return {
    connection: connectionFrom(complete, defaults),
    limits: limitsIn(sectionsOf({ connections: [complete] })).map(ruleOf),
  }
}

/** What was never text: everything in it is written, and stands nowhere. */
function plainDocument(value: object): ConfigDocument {
  return {
    value,
    problems: [],
    place: () => ({ file: '', line: 1, column: 1 }),
    written: (steps) => (valueAt(value, steps) === undefined ? undefined : { variables: [] }),
  }
}
