import { isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { type Checked, check } from './check.ts'
import { type ConfigDocument, type Environment, readDocument } from './document.ts'
import type { Surroundings } from './finding.ts'
import { type Problem, shown } from './problem.ts'

const fileName = 'tollgate.yaml'
/** Thousands of connections, and about a second of parsing. */
export const fileBytesMax = 1024 * 1024

/** Where the file is looked for, and what it is checked against. */
export interface FileInput extends Pick<Surroundings, 'providers' | 'builtIn'> {
  readonly env: Environment
  readonly cwd: string
  /** The file that was asked for; the default one may be missing, this one may not. */
  readonly named: string | undefined
  /** There was one before. Editors and full disks leave nothing or an empty file behind, which declares nothing. */
  readonly before: boolean
}

export interface ReadFile extends Checked {
  /** Absolute; of the default file also where there is none. */
  readonly path: string
  /** Of its bytes; `undefined` where there is none. */
  readonly digest: string | undefined
  readonly document: ConfigDocument
}

export function readConfigFile(input: FileInput): ReadFile {
  const path = resolve(input.cwd, input.named ?? fileName)
  const label = relative(input.cwd, path)
  const { bytes, text, problem } = contentOf(path, input)
  const document = readDocument(text ?? '', label.startsWith('..') ? path : label, input.env)
  const { content, problems } = check(document, input)
  return {
    path,
    digest: bytes && digestOf(bytes),
    document,
    content,
    problems: problem === undefined ? problems : [problem],
  }
}

/** By which a file's content is known again. */
export function digestOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64')
}

interface Content {
  readonly bytes?: Buffer
  readonly text?: string
  readonly problem?: Problem
}

function contentOf(path: string, { named, before }: FileInput): Content {
  const refuse = (what: string, bytes?: Buffer): Content => {
    const problem = before
      ? { path, message: `${what}, expected a YAML file` }
      : {
          path: named === undefined ? fileName : 'TOLLGATE_CONFIG',
          message: `found ${shown(named ?? fileName)}, which ${what}, expected a YAML file`,
        }
    return { ...(bytes && { bytes }), problem }
  }
  try {
    const stat = statSync(path)
    if (!stat.isFile()) return refuse('is no file')
    if (stat.size > fileBytesMax) return refuse(`is larger than ${fileBytesMax} bytes`)
    const bytes = readFileSync(path)
    if (before && bytes.length === 0) return refuse('is empty', bytes)
    if (!isUtf8(bytes)) return refuse('is not UTF-8', bytes)
    return { bytes, text: new TextDecoder().decode(bytes) }
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
    const optional = named === undefined && !before
    if (code === 'ENOENT' || code === 'ENOTDIR') return optional ? {} : refuse('is not there')
    if (code === 'EACCES' || code === 'EPERM') return refuse('may not be read by this user')
    throw thrown
  }
}
