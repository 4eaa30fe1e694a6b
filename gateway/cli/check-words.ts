import { parseArgs } from 'node:util'
import type { ArgsDef } from 'citty'
import { didYouMean } from '../config/problem.ts'
import { CommandFailure, exits } from './output.ts'

/**
 * Refuses what citty would let pass: options that do not exist, options without their value, words too many. It reads
 * the words as citty does, through `parseArgs`, so the two cannot disagree.
 */
export function checkWords(words: readonly string[], args: ArgsDef, path: string): void {
  const known = optionsOf(args)
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries([...known].map(([name, { type, short }]) => [name, { type, ...(short && { short }) }])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const met = new Set<string>()
  for (const token of tokens) {
    const mistake = mistakeIn(token, known, met)
    if (mistake !== undefined) {
      throw new CommandFailure(exits.wrongUse, `${path}: ${mistake}`, { fix: `${path} --help lists what it takes` })
    }
  }
}

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number]

function mistakeIn(token: Token, known: ReadonlyMap<string, Option>, met: Set<string>): string | undefined {
  if (token.kind === 'option-terminator') return undefined
  if (token.kind === 'positional') return `there is no place for ${JSON.stringify(token.value)}`
  const { name, rawName, value, inlineValue } = token
  const option = known.get(name)
  if (!option)
    return `there is no option ${rawName}${didYouMean(
      rawName,
      [...known.keys()].map((each) => `--${each}`),
    )}`
  if (met.has(option.name)) return `${rawName} is given twice`
  met.add(option.name)
  if (option.type === 'boolean') return value === undefined ? undefined : `${rawName} takes no value`
  // `--key --json` would take the next option for the value.
  if (!value || (!inlineValue && value.startsWith('-'))) return `${rawName} wants a value`
  if (!option.choices || option.choices.includes(value)) return undefined
  return `${rawName} is one of ${option.choices.join(', ')}, not ${JSON.stringify(value)}`
}

interface Option {
  readonly name: string
  readonly type: 'boolean' | 'string'
  readonly short: string | undefined
  readonly choices: readonly string[] | undefined
}

/** By every name it has. */
function optionsOf(args: ArgsDef): ReadonlyMap<string, Option> {
  return new Map(
    Object.entries(args).flatMap(([name, arg]) => {
      const aliases = 'alias' in arg ? [arg.alias ?? []].flat() : []
      const option: Option = {
        name,
        type: arg.type === 'boolean' ? 'boolean' : 'string',
        short: aliases.find((alias) => alias.length === 1),
        choices: arg.type === 'enum' ? arg.options : undefined,
      }
      const others = aliases.filter((alias) => alias.length > 1)
      return [[name, option] as const, ...others.map((alias) => [alias, { ...option, short: undefined }] as const)]
    }),
  )
}
