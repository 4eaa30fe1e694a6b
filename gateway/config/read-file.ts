import { readFileSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { checkConnections } from './connection-checks.ts'
import { type ConfigDocument, type Environment, readDocument } from './document.ts'
import { shape, told } from './file-problems.ts'
import type { FileContent } from './file-schema.ts'
import type { Surroundings } from './finding.ts'
import { checkHealth } from './health-checks.ts'
import { checkKeys } from './key-checks.ts'
import { laterMembers } from './later.ts'
import { checkLimits } from './limit-checks.ts'
import { checkModels } from './model-checks.ts'
import { onePerPath, type Problem, pathOf, shown } from './problem.ts'
import { sectionsOf } from './sections.ts'

const fileName = 'tollgate.yaml'
const fileBytesMax = 4 * 1024 * 1024

/** Where the file is looked for, and what it is checked against. */
export interface FileInput extends Pick<Surroundings, 'providers' | 'builtIn'> {
  readonly env: Environment
  readonly cwd: string
  /** The file that was asked for; the default one may be missing, this one may not. */
  readonly named: string | undefined
}

export interface ReadFile {
  /** Absolute; `undefined` where there is none. */
  readonly path: string | undefined
  readonly document: ConfigDocument
  /** `undefined` where it is out of shape. */
  readonly content: FileContent | undefined
  /** In the order of the file; one for each member, the first thing that is wrong with it. */
  readonly problems: readonly Problem[]
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

function check(document: ConfigDocument, input: FileInput): Pick<ReadFile, 'content' | 'problems'> {
  if (document.value === undefined) return { content: undefined, problems: document.problems }
  const { value, content, problems } = shape(document)
  const around: Surroundings = {
    providers: input.providers,
    builtIn: input.builtIn,
    written: (steps) => document.written(steps) !== undefined,
    told: (steps) => told(steps, value, document),
    where: (steps) => {
      const { file, line, column } = document.place(steps)
      return `${file}:${line}:${column}`
    },
  }
  const sections = sectionsOf(value)
  const findings = [
    ...laterMembers(value),
    ...checkConnections(sections, around),
    ...checkKeys(sections, around),
    ...checkLimits(sections, around),
    ...checkModels(sections, around),
    ...checkHealth(value, around),
  ].map(({ steps, message }) => ({ path: pathOf(steps), message, place: document.place(steps) }))
  return { content, problems: inOrder([...document.problems, ...problems, ...findings]) }
}

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const line = ({ place }: Problem) => place?.line ?? 0
  const column = ({ place }: Problem) => place?.column ?? 0
  return onePerPath(problems).toSorted((a, b) => line(a) - line(b) || column(a) - column(b))
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
