import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { aliases, bodyAliases, prefixAliases } from './http/aliases.ts'
import { ignoredNames } from './http/ignored-names.ts'
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
