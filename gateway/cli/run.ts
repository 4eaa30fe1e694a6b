import { type ArgsDef, runCommand, type SubCommandsDef } from 'citty'
import { didYouMean } from '../config/problem.ts'
import { checkWords } from './check-words.ts'
import { type HelpTopic, printHelp } from './help.ts'
import { CommandFailure, type Exit, exits, report } from './output.ts'
import { root } from './root.ts'

type Command = Awaited<Exclude<SubCommandsDef[string], () => unknown>>

interface Found {
  readonly command: Command
  /** `tollgate connections list` */
  readonly path: string
  /** What is left after the command's own words. */
  readonly rest: readonly string[]
}

/** Runs one command line, and returns what the process is to end with. */
export async function run(line: readonly string[]): Promise<Exit> {
  const { words, help } = withoutGlobals(line)
  try {
    const found = await find(words)
    const args: ArgsDef = await resolved(found.command.args ?? {})
    if (help) {
      printHelp(await topicOf(found, args))
      return exits.ok
    }
    checkWords(found.rest, args, found.path)
    if (!found.command.run) {
      throw new CommandFailure(exits.wrongUse, `${found.path} wants a command after it`, {
        fix: `${found.path} --help lists them`,
      })
    }
    // citty parses once more, and is given nothing that it could misread.
    const { result } = await runCommand(found.command, { rawArgs: [...found.rest] })
    return typeof result === 'number' ? (result as Exit) : exits.ok
  } catch (thrown) {
    return report(thrown, words.includes('--json'))
  }
}

/** `--help` and `--no-color` may stand anywhere, and `help` in front. */
function withoutGlobals(line: readonly string[]): { readonly words: readonly string[]; readonly help: boolean } {
  if (line.includes('--no-color')) {
    process.env['NO_COLOR'] = '1'
    delete process.env['FORCE_COLOR']
  }
  const asked = line[0] === 'help' || line.some((word) => word === '--help' || word === '-h')
  const words = line.slice(line[0] === 'help' ? 1 : 0).filter((word) => !['--no-color', '--help', '-h'].includes(word))
  return words[0] === '--version' ? { words: ['version', ...words.slice(1)], help: asked } : { words, help: asked }
}

async function find(words: readonly string[]): Promise<Found> {
  let command: Command = root
  let path = 'tollgate'
  let rest = words
  for (;;) {
    const below: SubCommandsDef | undefined = await resolved(command.subCommands)
    const [word, ...after] = rest
    if (below === undefined || word === undefined || word.startsWith('-')) return { command, path, rest }
    // Own names only: every object has a `constructor`.
    const next = Object.hasOwn(below, word) ? below[word] : undefined
    if (next === undefined) {
      throw new CommandFailure(
        exits.wrongUse,
        `${path} has no command ${word}${didYouMean(word, Object.keys(below))}`,
        {
          fix: `${path} --help lists them`,
        },
      )
    }
    command = await resolved(next)
    path = `${path} ${word}`
    rest = after
  }
}

async function topicOf({ command, path }: Found, args: ArgsDef): Promise<HelpTopic> {
  const meta = await resolved(command.meta ?? {})
  const below = Object.entries((await resolved(command.subCommands)) ?? {})
  const commands = below.map(async ([name, each]) => {
    const { description = '' } = await resolved((await resolved(each)).meta ?? {})
    return [name, description] as const
  })
  return {
    path,
    description: meta.description ?? '',
    examples: meta.examples ?? [],
    args,
    commands: await Promise.all(commands),
  }
}

async function resolved<T>(value: T | Promise<T> | (() => T) | (() => Promise<T>)): Promise<T> {
  return typeof value === 'function' ? await (value as () => T | Promise<T>)() : await value
}
