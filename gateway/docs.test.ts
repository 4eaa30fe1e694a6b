import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { problems } from './admin/problem.ts'
import { faults } from './domain/fault.ts'
import { aliases, bodyAliases, prefixAliases } from './http/aliases.ts'
import { ignoredNames } from './http/ignored-names.ts'
import { dimensions } from './ledger/query/dimensions.ts'
import { metricNames } from './ledger/query/metrics.ts'
import { providers } from './providers/index.ts'

const page = (name: string): Promise<string> => readFile(new URL(`../admin-ui/docs/${name}`, import.meta.url), 'utf8')

test('the page on headers has every name that is taken over, and every one that is ignored', async () => {
  const text = await page('headers.md')
  const names = [
    ...Object.values(aliases).flatMap((table) => table.map(({ header }) => header)),
    ...Object.values(bodyAliases).flatMap((table) => table.map(({ member }) => member)),
    ...prefixAliases.metadata.map(({ prefix }) => `${prefix}*`),
    ...ignoredNames.map(({ name }) => name),
  ]
  expect(names.length).toBeGreaterThan(60)
  expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([])
})

test('the page on providers has every provider, and its address', async () => {
  const text = await page('providers.md')
  expect(providers.size).toBeGreaterThan(20)
  for (const { id, baseUrl } of providers.values()) {
    expect(text).toContain(`\`${id}\``)
    if (baseUrl !== undefined) expect(text).toContain(`\`${baseUrl}\``)
  }
})

test('the page on errors has every code once, with its status and whether to try again, and no other', async () => {
  const rows = [...(await page('errors.md')).matchAll(/^\| (\d+) \| <a id="(\w+)"><\/a>`(\w+)` \| (.*) \|$/gm)]
  const told = rows.map(([, status, anchor, code, rest = '']) => ({ status: Number(status), anchor, code, rest }))
  const codes = Object.entries({ ...problems, ...faults })
  expect(codes.length).toBeGreaterThan(25)
  expect(told.map(({ code }) => code).toSorted()).toEqual(codes.map(([code]) => code).toSorted())
  for (const [code, { status }] of [...codes, ...Object.entries(problems)]) {
    expect(told).toContainEqual(expect.objectContaining({ code, anchor: code, status }))
  }
  const hopeless = Object.entries(faults).filter(([, { retry }]) => retry === false)
  const notAgain = told.filter(({ rest }) => rest.startsWith('no | ')).map(({ code }) => code)
  expect(notAgain.toSorted()).toEqual(hopeless.map(([code]) => code).toSorted())
})

test('the page on usage has every metric and every dimension', async () => {
  const text = await page('usage-queries.md')
  const names = [...metricNames, ...dimensions]
  expect(names.length).toBeGreaterThan(50)
  expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([])
})
