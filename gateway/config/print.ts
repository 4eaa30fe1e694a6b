import { Document, isCollection, isNode } from 'yaml'
import type { ConfigDocument, Environment, Steps } from './document.ts'
import { isSecret } from './file-problems.ts'
import type { FileContent } from './file-schema.ts'
import { secretVariables, type Variables } from './variables.ts'

/** What was read, and where all of it came from. */
export interface ConfigurationSource {
  readonly env: Environment
  readonly variables: Variables
  readonly content: FileContent
  readonly document: ConfigDocument
}

const mask = '********'

/**
 * The effective configuration with its secrets masked, and where each value comes from (`default`, `env PORT`,
 * `tollgate.yaml:3`): as a comment in YAML, as `{"value": …, "origin": …}` in JSON.
 */
export function printConfig(
  { source }: { readonly source: ConfigurationSource },
  form: 'yaml' | 'json' = 'yaml',
): string {
  const leaf = form === 'yaml' ? commented : stated
  const effective = { environment: environment(source, leaf), ...leaves(source.content, [], source.document, leaf) }
  if (form === 'json') return `${JSON.stringify(effective, undefined, 2)}\n`
  return new Document(effective).toString({ lineWidth: 0 })
}

type Leaf = (value: unknown, origin: string) => unknown

const stated: Leaf = (value, origin) => ({ value, origin })

const commented: Leaf = (value, origin) => {
  const node = new Document().createNode(value)
  if (isCollection(node)) node.flow = true
  if (isNode(node)) node.comment = ` ${origin}`
  return node
}

function environment({ env, variables }: ConfigurationSource, leaf: Leaf): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(variables)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [
        name,
        leaf(secretVariables.has(name) ? mask : value, env[name]?.trim() ? `env ${name}` : 'default'),
      ]),
  )
}

function leaves(value: object, steps: Steps, document: ConfigDocument, leaf: Leaf): object {
  const within = (item: unknown, step: PropertyKey) => effective(item, [...steps, step], document, leaf)
  if (Array.isArray(value)) return value.map(within)
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([member, item]) => [member, within(item, member)]),
  )
}

function effective(value: unknown, steps: Steps, document: ConfigDocument, leaf: Leaf): unknown {
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0)
    return leaves(value, steps, document, leaf)
  return leaf(isSecret(steps) ? mask : value, originOf(steps, document))
}

function originOf(steps: Steps, document: ConfigDocument): string {
  const written = document.written(steps)
  if (written === undefined) return 'default'
  const { file, line } = document.place(steps)
  return [...written.variables.map((name) => `env ${name}`), `${file}:${line}`].join(', ')
}
