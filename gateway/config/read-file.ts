import { readFileSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { type Checked, check } from './check.ts'
import { type ConfigDocument, type Environment, readDocument } from './document.ts'
import type { Surroundings } from './finding.ts'
import { type Problem, shown } from './problem.ts'

const fileName = 'tollgate.yaml'
const fileBytesMax = 4 * 1024 * 1024

/** Where the file is looked for, and what it is checked against. */
export interface FileInput extends Pick<Surroundings, 'providers' | 'builtIn'> {
  readonly env: Environment
  readonly cwd: string
  /** The file that was asked for; the default one may be missing, this one may not. */
  readonly named: string | undefined
}

export interface ReadFile extends Checked {
  /** Absolute; `undefined` where there is none. */
  readonly path: string | undefined
  readonly document: ConfigDocument
}

export function readConfigFile(input: FileInput): ReadFile {
  const path = resolve(input.cwd, input.named ?? fileName)
  const label = relative(input.cwd, path)
  const read = textOf(path, input.named)
  const document = readDocument(read.text ?? '', label.startsWith('..') ? path : label, input.env)
  const { content, problems } = check(document, input)
  return {
    path: read.text === undefined ? undefined : path,
    document,
    content,
    problems: read.problem === undefined ? problems : [read.problem],
  }
}

function textOf(path: string, named: string | undefined): { readonly text?: string; readonly problem?: Problem } {
  const refuse = (what: string) => {
    const file = shown(named ?? fileName)
    return {
      problem: {
        path: named === undefined ? fileName : 'TOLLGATE_CONFIG',
        message: `found ${file}, ${what}, expected a YAML file`,
      },
    }
  }
  try {
    const stat = statSync(path)
    if (!stat.isFile()) return refuse('which is no file')
    if (stat.size > fileBytesMax) return refuse(`which is larger than ${fileBytesMax} bytes`)
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)) }
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return named === undefined ? {} : refuse('which is not there')
    if (code === 'EACCES' || code === 'EPERM') return refuse('which may not be read by this user')
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return refuse('which is not UTF-8')
    throw thrown
  }
}
