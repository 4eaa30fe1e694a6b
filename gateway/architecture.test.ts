import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cruise, type ICruiseResult } from 'dependency-cruiser'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { folders, importRules, misnamed, providersNamed, tests, welcome } from './architecture.rules.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Every import in `gateway/` under `base`, judged by the rules. */
async function judge(base: string): Promise<ICruiseResult> {
  const { output } = await cruise(['gateway'], {
    baseDir: base,
    validate: true,
    ruleSet: {
      forbidden: importRules.map(({ name, comment, from, to }) => ({ name, comment, severity: 'error', from, to })),
    },
    // Imports of types are dependencies too: a cycle of types is a cycle.
    tsPreCompilationDeps: true,
    doNotFollow: 'node_modules',
    preserveSymlinks: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  })
  if (typeof output === 'string') throw new TypeError('dependency-cruiser answered with a report, not a result')
  return output
}

/** One line for each violation; a cycle is told once from each of its files. */
function broken({ summary }: ICruiseResult): string[] {
  return summary.violations.flatMap(({ rule, from, to, cycle }) =>
    cycle === undefined
      ? [`${rule.name}: ${from} -> ${to}`]
      : cycle.map(({ name }, at) => `${rule.name}: ${cycle.at(at - 1)?.name} -> ${name}`),
  )
}

async function sourcesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

describe('the source', () => {
  test('breaks no import rule, and every file on disk was looked at', async () => {
    const files = await sourcesUnder(join(root, 'gateway'))
    const result = await judge(root)
    const seen = new Set(result.modules.map(({ source }) => source))
    process.stdout.write(`architecture: ${importRules.length} rules over ${seen.size} modules, ${files.length} files\n`)
    expect(files.length).toBeGreaterThan(20)
    expect(files.filter((file) => !seen.has(file))).toEqual([])
    expect(broken(result)).toEqual([])
  })

  test('has no folder or file that is named after nothing', async () => {
    expect((await sourcesUnder(join(root, 'gateway'))).filter(misnamed)).toEqual([])
    expect(['gateway/http/utils.ts', 'gateway/helpers/time.ts', 'gateway/common.test.ts'].every(misnamed)).toBe(true)
    expect(misnamed('gateway/http/commons-licence.ts')).toBe(false)
  })

  test('has no folder that the rules do not know', async () => {
    const entries = await readdir(join(root, 'gateway'), { withFileTypes: true })
    const found = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
    expect(found.filter((folder) => !folders.includes(folder))).toEqual([])
  })

  test('names a provider only in its own folder', async () => {
    const entries = await readdir(join(root, 'gateway/providers'), { withFileTypes: true })
    const names = new Set(entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name))
    expect(names.size).toBeGreaterThan(0)
    const files = (await sourcesUnder(join(root, 'gateway'))).filter(
      (file) => !file.startsWith('gateway/providers/') && !tests.some((pattern) => new RegExp(pattern).test(file)),
    )
    const found = await Promise.all(
      files.map(async (file) => {
        const named = wordsOf(await readFile(join(root, file), 'utf8')).filter((word) => names.has(word))
        return [...new Set(named)].map((name) => `${file}: ${name}`)
      }),
    )
    // Equal, not merely within: an exception that is no longer used must go.
    expect(found.flat().sort()).toEqual([...providersNamed].sort())
  })
})

describe('the rules', () => {
  let tree: string
  let result: ICruiseResult

  beforeAll(async () => {
    tree = await plantedTree()
    result = await judge(tree)
  })
  afterAll(() => rm(tree, { recursive: true, force: true }))

  test.each(importRules.flatMap(({ name, planted }) => planted.map((plant) => [name, plant] as const)))(
    '%s catches %s',
    (name, plant) => {
      const { from } = parsePlant(plant)
      expect(broken(result)).toContainEqual(expect.stringMatching(`^${name}: ${from} -> `))
    },
  )

  test.each(welcome)('let pass %s', (plant) => {
    const { from } = parsePlant(plant)
    expect(result.modules.map(({ source }) => source)).toContain(from)
    expect(broken(result).filter((violation) => violation.includes(`: ${from} -> `))).toEqual([])
  })

  test('have each a planted violation', () => {
    expect(importRules.filter(({ planted }) => planted.length === 0)).toEqual([])
  })
})

test('a word scan reads names in code, not in comments or inside longer words', () => {
  const source = `
    // alpha
    /* 'beta' */ import x from './providers/gamma/x.ts'
    if (provider === 'delta') use({ epsilon: \`\${x}/zeta\` }, x.eta, 'not-theta', iota1)`
  const words = wordsOf(source)
  expect(words).toEqual(expect.arrayContaining(['gamma', 'delta', 'epsilon', 'zeta', 'eta']))
  for (const absent of ['alpha', 'beta', 'theta', 'iota']) expect(words).not.toContain(absent)
})

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

/** Reads `from -> to`, or `from -> type to`. */
function parsePlant(plant: string): Import {
  const [from = '', imported = ''] = plant.split(' -> ')
  return { from, to: imported.replace(/^type /, ''), typeOnly: imported.startsWith('type ') }
}

/** A tree of our shape in a folder of its own, holding what is planted and what is welcome, and what those import. */
async function plantedTree(): Promise<string> {
  const tree = await mkdtemp(join(tmpdir(), 'tollgate-architecture-'))
  await symlink(join(root, 'node_modules'), join(tree, 'node_modules'))
  await copyFile(join(root, 'package.json'), join(tree, 'package.json'))
  const sources = new Map<string, string>()
  for (const { from, to, typeOnly } of [...importRules.flatMap(({ planted }) => planted), ...welcome].map(parsePlant)) {
    const names = typeOnly ? 'type { Planted }' : '{ planted }'
    sources.set(from, `${sources.get(from) ?? ''}import ${names} from '${to}'\n`)
    const target = join(dirname(from), to)
    if (to.startsWith('.')) sources.set(target, sources.get(target) ?? '')
  }
  for (const [path, source] of sources) {
    await mkdir(join(tree, dirname(path)), { recursive: true })
    await writeFile(join(tree, path), source)
  }
  return tree
}

/** The words of identifiers and texts. A hyphen is part of a word: `openai-chat` is a dialect, no provider. */
function wordsOf(source: string): string[] {
  const words: string[] = []
  const visit = (node: ts.Node): void => {
    if (
      ts.isIdentifier(node) ||
      ts.isStringLiteralLike(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddleOrTemplateTail(node)
    ) {
      words.push(...(node.text.match(/[\w-]+/g) ?? []))
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest))
  return words
}
