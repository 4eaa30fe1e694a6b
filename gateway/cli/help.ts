import type { ArgsDef } from 'citty'
import { paint, print } from './output.ts'

declare module 'citty' {
  interface CommandMeta {
    /** Lines that work as they stand, for the help. */
    readonly examples?: readonly string[]
  }
}

export interface HelpTopic {
  /** `tollgate connections list` */
  readonly path: string
  readonly description: string
  readonly examples: readonly string[]
  readonly args: ArgsDef
  /** Name and description of what stands below it. */
  readonly commands: readonly (readonly [string, string])[]
}

/** What is true of every command. */
const everywhere: readonly (readonly [string, string])[] = [
  ['-h, --help', 'This text'],
  ['--no-color', 'No colour; so do NO_COLOR, and a stdout that is no terminal'],
]

export function printHelp({ path, description, examples, args, commands }: HelpTopic): void {
  const { words = [], options = [] } = Object.groupBy(Object.entries(args), ([, { type }]) =>
    type === 'positional' ? 'words' : 'options',
  )
  const places = words.map(([name, arg]) => [place(name, arg), arg.description ?? ''] as const)
  const usage = [path, ...(commands.length > 0 ? ['<command>'] : []), ...places.map(([name]) => name), '[options]']
  const sections = [
    description,
    `${paint('bold', 'Usage:')} ${usage.join(' ')}`,
    section('Commands', commands),
    section('Words', places),
    section('Options', [
      ...options.map(([name, arg]) => [flags(name, arg), arg.description ?? ''] as const),
      ...everywhere,
    ]),
    `${paint('bold', 'Examples')}\n${examples.map((example) => `  ${example}`).join('\n')}`,
    ...(commands.length > 0 ? [`${path} <command> --help says more about one.`] : []),
  ]
  print(sections.filter((text) => text !== '').join('\n\n'))
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  if (rows.length === 0) return ''
  const body = aligned(rows).map((line) => `  ${line}`)
  return [paint('bold', title), ...body].join('\n')
}

function aligned(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`)
}

/** `<id>`, or `[<id>…]` where it may be left out. */
function place(name: string, { valueHint = name, required }: ArgsDef[string]): string {
  return required === false ? `[<${valueHint}>]` : `<${valueHint}>`
}

function flags(name: string, arg: ArgsDef[string]): string {
  const aliases = 'alias' in arg ? [arg.alias ?? []].flat() : []
  const short = aliases.filter((alias) => alias.length === 1).map((alias) => `-${alias}, `)
  const long = aliases.filter((alias) => alias.length > 1).map((alias) => `, --${alias}`)
  const value = arg.type === 'boolean' ? '' : ` <${arg.valueHint ?? name}>`
  return `${short.join('')}--${name}${long.join('')}${value}`
}
