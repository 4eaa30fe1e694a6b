import { readFileSync } from 'node:fs'

/** The release, as package.json has it. */
export const version: string = readVersion()

function readVersion(): string {
  const file = new URL('../package.json', import.meta.url)
  const { version: named } = JSON.parse(readFileSync(file, 'utf8')) as { version?: string }
  return named ?? '0.0.0'
}
