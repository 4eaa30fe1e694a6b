import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml'
import { type Place, type Problem, pathOf } from './problem.ts'

/** The file as plain values with `${NAME}` filled in, and where each of them stands. */
export interface ConfigDocument {
  /** `undefined` where the file could not be read to its end. */
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** Where a member's value or key stands; of one that is not there, where the nearest thing around it does. */
  place(steps: Steps, part?: 'value' | 'key'): Place
  /** Whether the member is written in the file, and the variables that were filled into it. */
  written(steps: Steps): { readonly variables: readonly string[] } | undefined
}

export type Steps = readonly PropertyKey[]
export type Environment = Readonly<Record<string, string | undefined>>

// Aliases can make a few lines mean a billion values; nobody declares this many, nor this deep.
const nodesMax = 100_000
const depthMax = 16

interface Written {
  readonly value: number
  readonly key: number
  readonly variables: readonly string[]
}

/**
 * Reads YAML 1.2 (`on` is a text, `012` is 12). The parser's own messages are not passed on: they quote the source, and
 * with it whatever secret stands there.
 */
export function readDocument(text: string, file: string, env: Environment): ConfigDocument {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: 'core',
    resolveKnownTags: false,
    stringKeys: true,
    uniqueKeys: false,
  })
  const written = new Map<string, Written>()
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const place = (steps: Steps, part: 'value' | 'key' = 'value'): Place => {
    const found = written.get(pathOf(steps))
    if (found !== undefined) return placeAt(found[part])
    return steps.length === 0 ? placeAt(0) : place(steps.slice(0, -1))
  }
  // What follows the first mistake of syntax is guessed by the parser, and so would be our complaints about it.
  const broken = [...document.errors, ...document.warnings].toSorted((a, b) => a.pos[0] - b.pos[0])[0]
  const { value, problems } = broken
    ? {
        value: undefined,
        problems: [{ path: '', message: syntaxMessage(broken, text), place: placeAt(broken.pos[0]) }],
      }
    : walk(document, env, written, placeAt)
  return { value, problems, place, written: (steps) => written.get(pathOf(steps)) }
}

function walk(
  document: Document.Parsed,
  env: Environment,
  written: Map<string, Written>,
  placeAt: (offset: number) => Place,
): { readonly value: unknown; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  const targets = targetsOf(document)
  let nodes = 0

  const complain = (steps: Steps, message: string, offset: number) => {
    problems.push({ path: pathOf(steps), message, place: placeAt(offset) })
  }
  const fill = (text: string, steps: Steps, offset: number) => {
    const filled = fillIn(text, env)
    for (const message of filled.problems) complain(steps, message, offset)
    return filled
  }
  const read = (node: Node | null, steps: Steps, key: number): unknown => {
    const offset = node?.range?.[0] ?? key
    written.set(pathOf(steps), { value: offset, key, variables: [] })
    if (++nodes > nodesMax || steps.length > depthMax) {
      if (nodes !== Number.POSITIVE_INFINITY)
        complain(steps, 'aliases or nesting make this more than any configuration is', offset)
      nodes = Number.POSITIVE_INFINITY
      return undefined
    }
    if (isAlias(node)) {
      const anchored = targets.get(node)
      if (anchored !== undefined) return read(anchored, steps, key)
      complain(steps, 'found an alias, expected its anchor before it', offset)
      return undefined
    }
    if (isSeq<Node>(node))
      return node.items.map((item, index) => read(item, [...steps, index], item.range?.[0] ?? offset))
    if (isMap<Node, Node | null>(node)) {
      // Without a prototype, so that a key called __proto__ is a key like any other.
      const members: Record<string, unknown> = Object.create(null)
      for (const pair of node.items) {
        const at = pair.key.range?.[0] ?? offset
        const name = fill(isScalar(pair.key) ? String(pair.key.value) : '', steps, at).text
        const path = [...steps, name]
        if (name in members) complain(path, 'found a second time, expected once', at)
        else members[name] = read(pair.value, path, at)
      }
      return members
    }
    const value = isScalar(node) ? node.value : null
    if (typeof value !== 'string') return value
    const filled = fill(value, steps, offset)
    written.set(pathOf(steps), { value: offset, key, variables: filled.variables })
    return filled.text
  }

  // A file of comments alone declares nothing, which is fine.
  return { value: read(document.contents, [], 0) ?? {}, problems }
}

/** What each alias stands for. The parser would look through the whole document for every single one. */
function targetsOf(document: Document.Parsed): ReadonlyMap<Alias, Node> {
  const anchored = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  visit(document, {
    Alias: (_, alias) => {
      const target = anchored.get(alias.source)
      if (target !== undefined) targets.set(alias, target)
    },
    Value: (_, node) => {
      if (node.anchor !== undefined) anchored.set(node.anchor, node)
    },
  })
  return targets
}

/** A member's value; `undefined` where there is none. */
export function valueAt(whole: unknown, steps: Steps): unknown {
  let at = whole
  for (const step of steps) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = Reflect.get(at, step)
  }
  return at
}

interface Filled {
  readonly text: string
  readonly variables: readonly string[]
  readonly problems: readonly string[]
}

/** Fills `${NAME}` in from the environment; `$${` is a plain `${`. */
function fillIn(text: string, env: Environment): Filled {
  const variables: string[] = []
  const problems: string[] = []
  const filled = text.replace(/\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{/g, (match, name: string | undefined) => {
    if (match === '$${') return '${'
    if (name === undefined) {
      // Not quoted: what follows may be half a secret.
      problems.push(`found "\${" without a name, expected \${NAME}, or $\${ for a plain "\${"`)
      return match
    }
    const value = env[name]
    if (value === undefined) problems.push(`the environment variable ${name} is not set`)
    variables.push(name)
    return value ?? ''
  })
  return { text: filled, variables, problems }
}

const mistakes: Partial<Record<YAMLError['code'], string>> = {
  BAD_DQ_ESCAPE: 'found a backslash that escapes nothing, expected \\\\ or single quotes around the text',
  BAD_INDENT: 'found an indentation that does not fit what stands above',
  BAD_SCALAR_START: 'found a character that no text can begin with, expected quotes around the text',
  BLOCK_AS_IMPLICIT_KEY: 'found ": " inside a value, expected quotes around the text',
  MISSING_CHAR: 'found an end, expected a closing quote or bracket, or a ":" after a key',
  MULTILINE_IMPLICIT_KEY: 'found a key over several lines, expected a ":" on its line',
  MULTIPLE_DOCS: 'found a second document, expected one',
  NON_STRING_KEY: 'found a key that is no text',
  RESOURCE_EXHAUSTION: 'found nesting deeper than any configuration is',
  TAB_AS_INDENT: 'found a tab, expected spaces to indent with',
  TAG_RESOLVE_FAILED: 'found a tag ("!…"), expected a plain value',
}

function syntaxMessage({ code, pos: [offset] }: YAMLError, text: string): string {
  const before = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset + 1)
  const bracket = before.search(/[{[]/)
  // Between brackets YAML reads the braces of a variable as its own.
  if (bracket >= 0 && /[^"']\$\{/.test(before.slice(bracket + 1)))
    return `found "\${" between brackets, expected quotes around it: "\${NAME}"`
  return mistakes[code] ?? 'found something that is not YAML'
}
