import { parseArgs } from 'node:util'
import type { ArgsDef } from 'citty'
import { didYouMean } from '../config/problem.ts'
import { CommandFailure, exits } from './output.ts'

/**
 * Refuses what citty would let pass: options that do not exist, options without their value, words too many or too few.
 * It reads the words as citty does, through `parseArgs`, so the two cannot disagree.
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
  const mistake = mistakeAmong(tokens, known, placesIn(args))
  if (mistake === undefined) return
  throw new CommandFailure(exits.wrongUse, `${path}: ${mistake}`, { fix: `${path} --help lists what it takes` })
}

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number]

/** How many words a command takes beside its options. */
interface Places {
  readonly names: readonly string[]
  readonly least: number
  readonly most: number
}

/** Whether an argument may be there several times: its value's name ends with `…`. */
function isRepeatable({ valueHint = '' }: ArgsDef[string]): boolean {
  return valueHint.endsWith('…')
}

function placesIn(args: ArgsDef): Places {
  const places = Object.entries(args).filter(([, { type }]) => type === 'positional')
  return {
    names: places.map(([name, { valueHint = name }]) => valueHint),
    least: places.filter(([, { required }]) => required !== false).length,
    most: places.some(([, arg]) => isRepeatable(arg)) ? Number.POSITIVE_INFINITY : places.length,
  }
}

function mistakeAmong(
  tokens: readonly Token[],
  known: ReadonlyMap<string, Option>,
  { names, least, most }: Places,
): string | undefined {
  const met = new Set<string>()
  let words = 0
  for (const token of tokens) {
    // Not told: it may be a secret whose option was forgotten.
    if (token.kind === 'positional' && ++words > most) return surplus(most)
    const mistake = token.kind === 'option' ? mistakeIn(token, known, met) : undefined
    if (mistake !== undefined) return mistake
  }
  if (words < least) return `it wants <${names[words]}>`
  const missing = [...known].find(([name, option]) => option.required && !met.has(option.name) && name === option.name)
  return missing && `it wants --${missing[0]}`
}

function surplus(most: number): string {
  if (most === 0) return 'it takes options alone, and there is a word beside them'
  return `it takes ${most === 1 ? 'one word' : `${most} words`} beside its options, and there is one more`
}

function mistakeIn(
  { name, rawName, value, inlineValue }: Extract<Token, { kind: 'option' }>,
  known: ReadonlyMap<string, Option>,
  met: Set<string>,
): string | undefined {
  const option = known.get(name)
  if (!option)
    return `there is no option ${rawName}${didYouMean(
      rawName,
      [...known.keys()].map((each) => `--${each}`),
    )}`
  if (met.has(option.name) && !option.repeatable) return `${rawName} is given twice`
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
  readonly repeatable: boolean
  readonly required: boolean
}

/** By every name it has. */
function optionsOf(args: ArgsDef): ReadonlyMap<string, Option> {
  const options = Object.entries(args).filter(([, { type }]) => type !== 'positional')
  return new Map(
    options.flatMap(([name, arg]) => {
      const aliases = 'alias' in arg ? [arg.alias ?? []].flat() : []
      const option: Option = {
        name,
        type: arg.type === 'boolean' ? 'boolean' : 'string',
        short: aliases.find((alias) => alias.length === 1),
        choices: arg.type === 'enum' ? arg.options : undefined,
        repeatable: isRepeatable(arg),
        required: arg.required === true,
      }
      const others = aliases.filter((alias) => alias.length > 1)
      return [[name, option] as const, ...others.map((alias) => [alias, { ...option, short: undefined }] as const)]
    }),
  )
}
