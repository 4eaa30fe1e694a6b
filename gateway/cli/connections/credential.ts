import { CommandFailure, exits } from '../output.ts'
import { askHidden, canAsk } from '../prompt.ts'

/** Where a provider's key is taken from: never from the command line, which every process of the machine can read. */
export const credentialOptions = {
  'key-stdin': { type: 'boolean', description: "Read the provider's key from stdin" },
  'key-env': { type: 'string', valueHint: 'NAME', description: "Take the provider's key from this variable" },
} as const

const keyBytesMax = 16 * 1024

interface Wanted {
  readonly 'key-stdin'?: boolean | undefined
  readonly 'key-env'?: string | undefined
}

/** The key as it was given; `undefined` where it was not, and nobody is to be asked. */
export async function givenCredential(wanted: Wanted, asking: boolean): Promise<string | undefined> {
  const { 'key-stdin': fromStdin, 'key-env': variable } = wanted
  if (fromStdin && variable !== undefined) {
    throw new CommandFailure(exits.wrongUse, 'the key comes from stdin or from a variable, not from both')
  }
  if (variable !== undefined) return fromVariable(variable)
  if (fromStdin) return filled(await readStdin(), 'stdin')
  if (!asking) return undefined
  if (canAsk()) return filled(await askHidden("The provider's key (not shown):"), 'what was typed')
  throw new CommandFailure(exits.wrongUse, 'there is no key, and no terminal to ask for it', {
    fix: '--key-stdin reads it from stdin, --key-env NAME takes it from a variable',
  })
}

function fromVariable(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new CommandFailure(exits.wrongUse, `the environment variable ${name} is not set`)
  return filled(value, name)
}

// The end of a line is the shell's or the editor's, no part of the key.
function filled(text: string, from: string): string {
  const key = text.trim()
  if (key !== '') return key
  throw new CommandFailure(exits.wrongUse, `there is no key in ${from}`)
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin) {
    bytes += chunk.length
    if (bytes > keyBytesMax) throw new CommandFailure(exits.wrongUse, 'what stdin holds is longer than any key')
    chunks.push(Buffer.from(chunk))
  }
  return Buffer.concat(chunks).toString()
}
