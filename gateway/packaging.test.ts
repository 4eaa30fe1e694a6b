import { access, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8')
const manifest = z
  .object({
    version: z.string(),
    scripts: z.record(z.string(), z.string()),
    optionalDependencies: z.record(z.string(), z.string()),
  })
  .parse(JSON.parse(await read('package.json')))

test('the image runs the Node that npm scripts run on', async () => {
  const installed = Object.entries(manifest.optionalDependencies).filter(([name]) => /^node-/.test(name))
  const images = [...(await read('Dockerfile')).matchAll(/^FROM node:([\d.]+)-/gm)].map(([, version]) => version)
  expect(installed.length).toBeGreaterThan(1)
  expect(images.length).toBeGreaterThan(1)
  expect(new Set([...images, ...installed.map(([, version]) => version)]).size).toBe(1)
})

test('the compose file names this version, and no secret has a default', async () => {
  const source = await read('docker-compose.yml')
  const compose = z.object({ services: z.record(z.string(), z.object({ image: z.string() })) }).parse(parse(source))
  expect(compose.services['gateway']?.image).toBe(`tollgate:${manifest.version}`)
  const secrets = [...source.matchAll(/\$\{(\w*(?:PASSWORD|KEY|TOKEN|SECRET))([^}]*)\}/g)]
  expect(secrets.length).toBeGreaterThan(2)
  expect(secrets.filter(([, , otherwise]) => !otherwise?.startsWith(':?')).map(([text]) => text)).toEqual([])
})

test('the changelog has this version', async () => {
  expect(await read('CHANGELOG.md')).toContain(`\n## [${manifest.version}]`)
})

const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'deploy/README.md',
  'pricing/README.md',
]

test.each(documents)('%s links to what is there and names scripts that exist', async (document) => {
  const text = await read(document)
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target]) => target ?? '')
  await Promise.all(links.map((target) => access(join(root, dirname(document), target))))
  const builtIn = ['ci', 'run', 'install']
  const code = [...text.matchAll(/^```.*?^```$|`[^`\n]+`/gms)].join('\n')
  const scripts = [...code.matchAll(/\bnpm (?:run )?([a-z][\w:-]*)/g)].map(([, script]) => script ?? '')
  expect(scripts.filter((script) => !builtIn.includes(script) && !(script in manifest.scripts))).toEqual([])
})
