// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables in the configuration file look like this
import { hash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { Preset } from './config/finding.ts'
import { type Configuration, ConfigurationError, loadConfig } from './config.ts'

const providers: ReadonlyMap<string, Preset> = new Map<string, Preset>([
  ['acme-ai', { baseUrl: 'https://api.acme.example/v1', credential: 'required' }],
  ['compatible', { baseUrl: undefined, credential: 'optional' }],
])
const secret = 'sk-dev-0123456789abcdef'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-config-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function load(yaml: string | undefined, env: Record<string, string> = {}) {
  if (yaml !== undefined) writeFileSync(join(folder, 'tollgate.yaml'), yaml)
  return loadConfig({
    env,
    cwd: folder,
    providers,
    builtIn: { connections: ['box'], keys: ['first'] },
  })
}

function problems(yaml: string | undefined, env: Record<string, string> = {}): readonly string[] {
  try {
    load(yaml, env)
  } catch (thrown) {
    if (thrown instanceof ConfigurationError)
      return thrown.message
        .split('\n')
        .slice(1)
        .map((line) => line.trim())
    throw thrown
  }
  return []
}

describe('the environment', () => {
  test('needs nothing: everything has a default', () => {
    const configuration = load(undefined)
    expect(configuration).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      databaseUrl: undefined,
      dataDir: join(folder, 'data'),
      masterKeys: undefined,
      timezone: 'UTC',
      logLevel: 'info',
      configFile: undefined,
      organisations: [],
      users: [],
    })
    expect(configuration.declared).toMatchObject({ connections: [], keys: [], limits: [] })
    expect(configuration.declared.settings).toEqual({
      defaultPricePerMtok: 3_000_000_000,
      chargeBy: 'provider',
      chargeOnUpstreamError: 'reported',
      affinity: true,
      pingAfterMs: 10_000,
      health: {
        windowMs: 300_000,
        attemptsMin: 5,
        successPercent: { degraded: 98, warning: 90, critical: 70 },
        errorsInARow: { degraded: 1, warning: 3, critical: 10 },
      },
      jsonBodyBytesMax: 32 * 1024 * 1024,
      trackUsage: true,
      journal: { durability: 'process', onLoss: 'refuse' },
      retention: { rowsDays: 90, rollupsDays: 1100 },
      usageFolder: undefined,
    })
    expect(configuration.connectionDefaults.timeouts).toEqual({
      connectMs: 5_000,
      firstByteMs: 60_000,
      firstTokenMs: 300_000,
      idleMs: 300_000,
      totalMs: 600_000,
    })
  })

  test('decides what differs between deployments', () => {
    const keys = [randomBytes(32), randomBytes(32)]
    const configuration = load(undefined, {
      PORT: '0',
      HOST: '0.0.0.0',
      DATABASE_URL: 'postgres://tollgate:pw@one:5432,two:5432/tollgate?sslmode=verify-full',
      TOLLGATE_MASTER_KEY: keys.map((key) => key.toString('base64')).join(', '),
      TOLLGATE_DATA_DIR: '/var/lib/tollgate',
      TOLLGATE_TIMEZONE: 'Europe/Berlin',
      LOG_LEVEL: 'debug',
    })
    expect(configuration).toMatchObject({
      host: '0.0.0.0',
      port: 0,
      databaseUrl: 'postgres://tollgate:pw@one:5432,two:5432/tollgate?sslmode=verify-full',
      dataDir: '/var/lib/tollgate',
      timezone: 'Europe/Berlin',
      logLevel: 'debug',
    })
    expect(configuration.masterKeys?.map((key, at) => keys[at]?.equals(key))).toEqual([true, true])
  })

  test('takes an empty variable for one that is not set, as compose files make them', () => {
    expect(load(undefined, { PORT: '', TOLLGATE_CONFIG: ' ', REDIS_URL: '', DATABASE_URL: '' }).port).toBe(8080)
  })

  test('says how to make a master key when a database of its own is named', () => {
    expect(problems(undefined, { DATABASE_URL: 'postgres://u:hunter2@db/tollgate' })).toEqual([
      'TOLLGATE_MASTER_KEY: found nothing, expected 32 bytes in base64, because DATABASE_URL is set; make them with: openssl rand -base64 32',
    ])
  })

  test('names every variable that is wrong, and no secret', () => {
    const said = problems(undefined, {
      PORT: '65536',
      DATABASE_URL: 'mysql://root:hunter2@db/x',
      TOLLGATE_MASTER_KEY: `${randomBytes(32).toString('base64')},hunter2`,
      TOLLGATE_TIMEZONE: '+02:00',
      TOLLGATE_CONFIG: 'missing.yaml',
      TOLLGATE_BASE_PATH: 'no-slash',
      LOG_LEVEL: 'loud',
      TOLLGATE_MASTERKEY: 'hunter2',
    })
    expect(said).toEqual([
      'PORT: found "65536", expected a port, 0 to 65535',
      'DATABASE_URL: found something else, expected a URL: postgres://user:password@host/database',
      'TOLLGATE_MASTER_KEY: found something else, expected 32 bytes in base64 (several, comma-separated, while rotating): openssl rand -base64 32',
      'TOLLGATE_TIMEZONE: found "+02:00", expected an IANA time zone, such as Europe/Berlin',
      'TOLLGATE_BASE_PATH: found "no-slash", expected a path that begins with /',
      'LOG_LEVEL: found "loud", expected fatal, error, warn, info, debug, trace or silent',
      'TOLLGATE_MASTERKEY: no variable of Tollgate; did you mean "TOLLGATE_MASTER_KEY"?',
      'TOLLGATE_CONFIG: found "missing.yaml", which is not there, expected a YAML file',
    ])
  })

  test('leaves alone what others set: the service links of Kubernetes, the variables of the CLI', () => {
    const env = {
      TOLLGATE_PORT: 'tcp://10.0.0.1:80',
      TOLLGATE_SERVICE_HOST: '10.0.0.1',
      TOLLGATE_URL: 'x',
      TOLLGATE_TOKEN: 'x',
    }
    expect(problems(undefined, env)).toEqual([])
  })
})

describe('the file', () => {
  test('declares connections, tenants, keys, limits, virtual models and settings', () => {
    const { declared, organisations, users, configFile } = load(
      `
connections:
  - id: main
    provider: acme-ai
    api_key: \${ACME_KEY}
    models: ["gpt-*", { best: gpt-5 }]
    limits: { rpm: 500, concurrency: 50 }
    timeouts: { idle_ms: 1000 }
    on_client_abort: drain
    api_version: 2026-10-21
    headers: { OpenAI-Project: search, x-team: "\${TEAM}" }
    retry_ambiguous: true
  - id: local
    provider: compatible
    base_url: http://127.0.0.1:11434/v1//
    allow_private_network: true
    priority: -5
    weight: 0.5
    models: { llama: "llama3.2:3b" }
    status: draining
organisations: [{ id: acme, timezone: Europe/Berlin }]
users: [{ id: ana, org: acme }]
keys:
  - { id: dev, secret: "\${DEV_KEY}", org: acme, user: ana, feature: search, models: [fast], allow_client_identity: true, expires_at: 2027-01-01 }
  - { id: ops, secret_sha256: ${hash('sha256', 'another secret', 'hex').toUpperCase()}, limits: { tpm: 7 }, expires_at: "2027-01-01T00:00:00+01:00" }
limits: [{ scope: "user:*", org: acme, rpm: 30 }, { scope: "user:bob", rpm: 1 }, { scope: "feature:f", org: acme, rpm: 2 }, { scope: global, tpm: 9 }]
models: { fast: [gpt-4o-mini, llama] }
settings: { charge_by: price, charge_on_upstream_error: none, retry_ambiguous: false, default_price_usd_per_mtok: 0.15, timeouts: { total_ms: 2000 } }
`,
      { ACME_KEY: 'upstream-secret', DEV_KEY: secret, TEAM: 'blue' },
    )
    expect(configFile).toBe(join(folder, 'tollgate.yaml'))
    expect(declared.connections).toEqual([
      {
        id: 'main',
        provider: 'acme-ai',
        baseUrl: 'https://api.acme.example/v1',
        apiKey: 'upstream-secret',
        apiVersion: '2026-10-21',
        headers: { 'OpenAI-Project': 'search', 'x-team': 'blue' },
        priority: 10,
        weight: 1,
        models: [{ pattern: 'gpt-*' }, { pattern: 'best', upstream: 'gpt-5' }],
        status: 'active',
        allowPrivateNetwork: false,
        timeouts: { connectMs: 5_000, firstByteMs: 60_000, firstTokenMs: 300_000, idleMs: 1_000, totalMs: 2_000 },
        onClientAbort: 'drain',
        retryAmbiguous: true,
      },
      {
        id: 'local',
        provider: 'compatible',
        baseUrl: 'http://127.0.0.1:11434/v1',
        apiKey: undefined,
        apiVersion: undefined,
        headers: {},
        priority: -5,
        weight: 0.5,
        models: [{ pattern: 'llama', upstream: 'llama3.2:3b' }],
        status: 'draining',
        allowPrivateNetwork: true,
        timeouts: { connectMs: 5_000, firstByteMs: 60_000, firstTokenMs: 300_000, idleMs: 300_000, totalMs: 2_000 },
        onClientAbort: 'abort',
        retryAmbiguous: false,
      },
    ])
    const expiresAt = Date.UTC(2026, 11, 31, 23)
    expect(declared.keys).toEqual([
      {
        id: 'dev',
        hash: hash('sha256', secret, 'base64'),
        org: 'acme',
        user: 'ana',
        feature: 'search',
        models: ['fast'],
        allowClientIdentity: true,
        expiresAt,
      },
      {
        id: 'ops',
        hash: hash('sha256', 'another secret', 'base64'),
        org: 'default',
        user: undefined,
        feature: undefined,
        models: ['*'],
        allowClientIdentity: false,
        expiresAt,
      },
    ])
    expect(declared.limits.map((rule) => ('limit' in rule ? `${rule.limit.id} ${rule.limit.max}` : rule))).toEqual([
      'connection:main:requests:60000 500',
      'connection:main:concurrency:0 50',
      'key:ops:tokens:60000 7',
      { each: { scope: 'user', measure: 'requests', windowMs: 60_000, max: 30 }, org: 'acme' },
      { each: { scope: 'user', measure: 'requests', windowMs: 60_000, max: 1 }, org: undefined, named: 'bob' },
      'feature:acme/f:requests:60000 2',
      'global:all:tokens:60000 9',
    ])
    expect([...declared.models]).toEqual([['fast', ['gpt-4o-mini', 'llama']]])
    expect(declared.settings).toMatchObject({
      chargeBy: 'price',
      chargeOnUpstreamError: 'none',
      defaultPricePerMtok: 150_000_000,
    })
    expect(organisations).toEqual([{ id: 'acme', name: 'acme', timezone: 'Europe/Berlin', weekStarts: 'monday' }])
    expect(users).toEqual([{ id: 'ana', org: 'acme' }])
  })

  test('takes a number or a claim from the environment where one is expected, and a text where that is', () => {
    const { declared } = load(
      `
connections:
  - { id: main, provider: compatible, base_url: "\${URL}", weight: "\${WEIGHT}", allow_private_network: "\${PRIVATE}", api_key: "\${WEIGHT}" }
`,
      { URL: 'http://local/v1', WEIGHT: '2.5', PRIVATE: 'true' },
    )
    expect(declared.connections[0]).toMatchObject({ weight: 2.5, allowPrivateNetwork: true, apiKey: '2.5' })
    expect(problems('limits: [{ scope: global, rpm: "60" }]')).toEqual([
      'tollgate.yaml:1:32 limits[0].rpm: found "60", expected a whole number of 1 or more',
    ])
  })

  test('reads another file where one is named, and names it so', () => {
    mkdirSync(join(folder, 'etc'))
    writeFileSync(join(folder, 'etc', 'gate.yaml'), 'limit: []')
    expect(problems(undefined, { TOLLGATE_CONFIG: 'etc/gate.yaml' })).toEqual([
      'etc/gate.yaml:1:1 limit: not a member; did you mean "limits"?',
    ])
    expect(problems(undefined, { TOLLGATE_CONFIG: 'etc' })).toEqual([
      'TOLLGATE_CONFIG: found "etc", which is no file, expected a YAML file',
    ])
  })

  test('complains about bytes that are no text', () => {
    writeFileSync(join(folder, 'tollgate.yaml'), Buffer.from([0x61, 0x3a, 0xff]))
    expect(problems(undefined)).toEqual([
      'tollgate.yaml: found "tollgate.yaml", which is not UTF-8, expected a YAML file',
    ])
  })

  test('may be empty', () => {
    for (const yaml of ['', '# nothing yet\n', '---\n']) expect(problems(yaml), yaml).toEqual([])
  })

  test('lets limits name what comes with the box', () => {
    expect(problems('limits: [{ scope: "connection:box", rpm: 1 }, { scope: "key:first", rpm: 1 }]')).toEqual([])
  })
})

test('reports a file full of mistakes at once, each with its place, and no secret', () => {
  const yaml = `connections:
  - id: Main
    provider: acme-ia
    priorty: 5
    weight: 0
    api_key: "hunter2\\n-is-no-header"
  - id: two
    provider: compatible
    apiKey: \${UPSTREAM_KEY}
    base_url: https://user:hunter2@host/v1
    track_usage: sometimes
    models: [{ "eu/x": "*" }]
    limits: { rpm: 1.5, rpd: 1000 }
  - id: two
    provider: acme-ai
    base_url: http://10.0.0.1/v1
    models: [gpt-4o]
  - { id: three, provider: compatible, base_url: "https://host/v1?key=hunter2" }
organisations: [{ id: acme, timezone: Mars/Base }]
users: [{ id: ana, org: nowhere }]
keys:
  - id: dev
    secret: hunter2
    org: amce
    expires_at: 01.01.2027
  - id: ops
    secret: \${OPS_KEY}
    secret_sha256: hunter2
  - id: third
    models: gpt-4o
    passthrough: true
  - { id: fourth, secret: "\${OPS_KEY}", org: "\${OPS_KEY}" }
  - { id: fifth, secret: "another long enough secret", secret_sha256: "${'0'.repeat(64)}" }
organisation: []
limits:
  - { scope: "user:*", org: nowhere }
  - { scope: "key:dve", rpm: 3, mode: soft }
  - { scope: "team:x", rpm: 3 }
  - { scope: "key:dev", org: acme, rpm: "\${RPM}" }
  - { scope: "model:gpt-*", rpm: 3 }
  - { scope: global, rpm: 3 }
  - { scope: global, tpm: 3, rpm: 4 }
budgets: [{ scope: "key:dev", amount_usd: 50, period: monthly }]
models:
  gpt-4o: [a]
  loop: [other, loop-too]
  loop-too: [loop]
  empty: []
settings:
  affinity: sometimes
  charge_by: list
  default_price_usd_per_mtok: 0
  timeouts: { idle_ms: 0 }
  timeouts: {}
`
  const said = problems(yaml, {
    OPS_KEY: 'hunter2-hunter2-hunter2',
    RPM: 'many',
    PORT: 'eighty',
    REDIS_URL: 'redis://:hunter2@r',
  })
  expect(said.join('\n')).not.toContain('hunter2')
  expect(said).toMatchInlineSnapshot(`
    [
      "PORT: found "eighty", expected a port, 0 to 65535",
      "REDIS_URL: not in this release: limits that replicas share through Redis; remove it",
      "tollgate.yaml:2:9 connections[0].id: found "Main", expected a slug: a-z, 0-9, ".", "_", "-", a letter or digit first, 64 characters at most",
      "tollgate.yaml:3:15 connections[0].provider: found "acme-ia", expected acme-ai or compatible; did you mean "acme-ai"?",
      "tollgate.yaml:4:5 connections[0].priorty: not a member; did you mean "priority"?",
      "tollgate.yaml:5:13 connections[0].weight: found 0, expected a number above 0",
      "tollgate.yaml:6:14 connections[0].api_key: found a text of 21 characters, expected printable ASCII characters, neither beginning nor ending with a space",
      "tollgate.yaml:9:13 connections[1].apiKey: the environment variable UPSTREAM_KEY is not set",
      "tollgate.yaml:10:15 connections[1].base_url: found a user or password in the address, expected it in api_key",
      "tollgate.yaml:11:18 connections[1].track_usage: found "sometimes", expected true or false",
      "tollgate.yaml:12:13 connections[1].models: found a "*" behind "eu/x" that stands for nothing, expected one in both parts of the alias, or none",
      "tollgate.yaml:13:20 connections[1].limits.rpm: found 1.5, expected a whole number of 1 or more",
      "tollgate.yaml:13:30 connections[1].limits.rpd: not in this release: limits by the calendar day; remove it",
      "tollgate.yaml:14:5 connections[2].api_key: found nothing, expected a credential, for the provider wants one",
      "tollgate.yaml:14:9 connections[2].id: found "two", which tollgate.yaml:7:5 has too, expected another",
      "tollgate.yaml:16:15 connections[2].base_url: found http, expected https, or allow_private_network: true for a model on a machine of your own",
      "tollgate.yaml:18:50 connections[3].base_url: found "?" or "#", expected an address without query and fragment",
      "tollgate.yaml:19:39 organisations[0].timezone: found "Mars/Base", expected an IANA time zone, such as Europe/Berlin",
      "tollgate.yaml:20:25 users[0].org: found "nowhere", expected a declared organisation: default, acme",
      "tollgate.yaml:23:13 keys[0].secret: found a text of 7 characters, expected a text of 18 characters or more",
      "tollgate.yaml:24:10 keys[0].org: found "amce", expected a declared organisation; did you mean "acme"?",
      "tollgate.yaml:25:17 keys[0].expires_at: found "01.01.2027", expected a date (2027-01-01) or a time with its offset (2027-01-01T09:00:00Z)",
      "tollgate.yaml:28:20 keys[1].secret_sha256: found a text of 7 characters, expected a SHA-256: 64 hexadecimal digits, or base64",
      "tollgate.yaml:29:5 keys[2].secret: found neither, expected secret or secret_sha256",
      "tollgate.yaml:30:13 keys[2].models: found "gpt-4o", expected a list",
      "tollgate.yaml:31:18 keys[2].passthrough: not in this release: passthrough to /c/{connection}/…; remove it, or set it to false",
      "tollgate.yaml:32:27 keys[3].secret: found the secret of the key at tollgate.yaml:26:5, expected another",
      "tollgate.yaml:32:46 keys[3].org: found a text of 23 characters from OPS_KEY, expected a declared organisation: default, acme",
      "tollgate.yaml:33:71 keys[4].secret_sha256: found both, expected secret or secret_sha256",
      "tollgate.yaml:34:1 organisation: not a member; did you mean "organisations"?",
      "tollgate.yaml:36:5 limits[0]: found a limit of nothing, expected rpm, tpm or concurrency",
      "tollgate.yaml:36:29 limits[0].org: found "nowhere", expected a declared organisation: default, acme",
      "tollgate.yaml:37:14 limits[1].scope: found "key:dve", expected a declared key; did you mean "dev"?",
      "tollgate.yaml:37:39 limits[1].mode: not in this release: limits that alert or only count; remove it, or set it to hard",
      "tollgate.yaml:38:14 limits[2].scope: found "team:x", expected "global", or key:, org:, user:, feature:, connection: or model: with a name, or "*" for each by itself",
      "tollgate.yaml:39:30 limits[3].org: found an organisation, expected one only beside user:, feature: or key:*",
      "tollgate.yaml:39:41 limits[3].rpm: found a text of 4 characters from RPM, expected a whole number of 1 or more",
      "tollgate.yaml:40:14 limits[4].scope: found "*" within a name, expected a name, or "*" alone for each by itself",
      "tollgate.yaml:42:35 limits[6].rpm: found the limit that tollgate.yaml:41:27 sets, expected it once",
      "tollgate.yaml:43:10 budgets: not in this release: limits on money; remove it, or set it to []",
      "tollgate.yaml:45:11 models.gpt-4o: found a name that the connection at tollgate.yaml:14:5 serves, expected another",
      "tollgate.yaml:47:14 models.loop-too[0]: found "loop", which leads back to "loop-too", expected another",
      "tollgate.yaml:48:10 models.empty: found an empty list, expected a list of at least one model",
      "tollgate.yaml:50:13 settings.affinity: found "sometimes", expected on or off",
      "tollgate.yaml:51:14 settings.charge_by: found "list", expected provider or price",
      "tollgate.yaml:52:31 settings.default_price_usd_per_mtok: found 0, expected a number of 0.000001 or more, for a model without a price is not free",
      "tollgate.yaml:53:24 settings.timeouts.idle_ms: found 0, expected whole milliseconds, 1 to 86400000 (a day)",
      "tollgate.yaml:54:3 settings.timeouts: found a second time, expected once",
    ]
  `)
})

describe('a file of more mistakes than anybody reads', () => {
  const wrong = (at: number) => `  - { id: c${at}, provider: acme-ia, base_ulr: x, api_kee: y, weight: -1 }`
  const yaml = ['connections:', ...Array.from({ length: 300 }, (_, at) => wrong(at))].join('\n')

  test('is told the first hundred, and how many more there are from where on', () => {
    const said = problems(yaml)
    expect(said).toHaveLength(101)
    expect(said[0]).toBe(
      'tollgate.yaml:2:25 connections[0].provider: found "acme-ia", expected acme-ai or compatible; did you mean "acme-ai"?',
    )
    expect(said[100]).toBe('tollgate.yaml:27:26: and 1100 more from here on')
    expect(() => load(yaml)).toThrow('the configuration has more than 100 problems:')
  })

  test('is told what is wrong in the environment as well', () => {
    expect(problems(yaml, { PORT: 'eighty' })).toHaveLength(102)
  })
})

describe('a long file takes a time that grows with its length alone', () => {
  const list = (count: number, line: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => line(at)).join('\n')
  const keys = (count: number) => list(count, (at) => `  - { id: key-${at}, secret: "${secret}-${at}" }`)

  test.each([
    [
      'of limits on keys',
      `keys:\n${keys(3_000)}\nlimits:\n${list(3_000, (at) => `  - { scope: "key:key-${at}", rpm: 1 }`)}`,
      0,
    ],
    [
      'of limits on keys that are misspelt',
      `keys:\n${keys(3_000)}\nlimits:\n${list(3_000, (at) => `  - { scope: "key:kye-${at}", rpm: 1 }`)}`,
      101,
    ],
    [
      'of providers that are misspelt',
      `connections:\n${list(5_000, (at) => `  - { id: c${at}, provider: acme-ia }`)}`,
      101,
    ],
    ['of members that are misspelt', list(10_000, (at) => `x${at}: 1`), 101],
    [
      'of headers',
      `connections:\n  - id: a\n    provider: acme-ai\n    api_key: k\n    headers:\n${list(20_000, (at) => `      x-${at}: v`)}`,
      0,
    ],
    [
      'of numbers from the environment',
      `limits:\n${list(3_000, (at) => `  - { scope: "model:m-${at}", rpm: "\${RPM}" }`)}`,
      0,
    ],
    ['of virtual models', `models:\n${list(20_000, (at) => `  m${at}: [m${at + 1}]`)}`, 0],
    ['of aliases', `a: &a 1\nb: [${'*a,'.repeat(50_000)}]`, 3],
    ['of brackets that are not closed', `a: "${'['.repeat(1_000_000)}`, 1],
  ])('%s', (_, yaml, count) => {
    const { user } = process.threadCpuUsage()
    expect(problems(yaml, { RPM: '5' })).toHaveLength(count)
    // Were it to grow with the square of it, most of these would take 10 s and more.
    expect(process.threadCpuUsage().user - user).toBeLessThan(6_000_000)
  })
})

test('keeps the id of the key that tests of connections have', () => {
  expect(problems(`keys: [{ id: self-test, secret: ${secret} }]`)).toEqual([
    'tollgate.yaml:1:14 keys[0].id: found "self-test", which is the key of connection tests, expected another',
  ])
})

test('never fails otherwise than by its report, whatever stands in any place of the file', () => {
  const sound = {
    connections: [
      {
        id: 'a',
        provider: 'acme-ai',
        api_key: 'k',
        models: ['m', { x: 'y' }],
        limits: { rpm: 1 },
        timeouts: { idle_ms: 1 },
      },
    ],
    organisations: [{ id: 'acme' }],
    users: [{ id: 'ana', org: 'acme' }],
    keys: [{ id: 'dev', secret, limits: { tpm: 1 }, expires_at: '2027-01-01' }],
    limits: [{ scope: 'user:*', org: 'acme', rpm: 1 }],
    budgets: [],
    models: { fast: ['m'] },
    settings: { charge_by: 'price', timeouts: { idle_ms: 1 } },
  }
  expect(problems(stringify(sound))).toEqual([])
  const places = placesIn(sound)
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(-1, 1e300, '*', ':', 'a'.repeat(70), '${', 'key:', 'é'),
  )
  fc.assert(
    fc.property(fc.constantFrom(...places), odd, (place, value) => {
      const yaml = stringify(sound, (key, member: unknown) => (key === place ? value : member))
      for (const line of problems(yaml)) expect(line).toMatch(/^tollgate\.yaml:\d+:\d+[: ]/)
    }),
    { numRuns: 300 },
  )
})

function placesIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([member, below]) => [member, ...placesIn(below)])
}

describe('an address', () => {
  const addressed = (url: string, more = '') =>
    problems(`connections: [{ id: a, provider: compatible, base_url: "${url}"${more} }]`).map((line) =>
      line.replace(/^.*base_url: /, ''),
    )

  test('has to be https without credentials, query or fragment', () => {
    expect(addressed('https://api.example.com/v1')).toEqual([])
    expect(addressed('http://api.example.com/v1')).toHaveLength(1)
    expect(addressed('http://api.example.com/v1', ', allow_private_network: true')).toEqual([])
    expect(addressed('ftp://api.example.com', ', allow_private_network: true')).toEqual([
      'found something else, expected an address: https://host/path',
    ])
    for (const url of ['api.example.com/v1', 'https://', '']) expect(addressed(url), url).toHaveLength(1)
    expect(addressed('https://x@api.example.com')).toEqual([
      'found a user or password in the address, expected it in api_key',
    ])
    expect(addressed('https://api.example.com/v1#x')).toEqual([
      'found "?" or "#", expected an address without query and fragment',
    ])
  })
})

describe('headers of a connection', () => {
  const headed = (headers: string) =>
    problems(`connections: [{ id: a, provider: acme-ai, api_key: k, headers: ${headers} }]`)

  test('are names and values that may be sent, none of them twice', () => {
    expect(headed('{ OpenAI-Project: p, x-title: A title }')).toEqual([])
    expect(headed('{ X-Title: a, x-title: b }')).toEqual([
      'tollgate.yaml:1:87 connections[0].headers.x-title: found "X-Title" in other letters, expected it once',
    ])
    expect(headed('{ x-title: 5 }')).toEqual([
      'tollgate.yaml:1:75 connections[0].headers.x-title: found a number, expected a text',
    ])
  })

  test.each(['Authorization', 'api-key', 'content-length', 'host', 'a b', '""'])(
    'are not credentials or about the message itself: %s',
    (name) => {
      expect(headed(`{ ${name}: hunter2 }`)).toEqual([
        expect.stringMatching(/found the name ".*", expected the name of a header that is neither a credential nor/),
      ])
    },
  )

  test('are not told, for a credential may stand there', () => {
    const said = headed('{ x-key: "hunter2\\n", authorization: hunter2 }').join()
    expect(said).toContain('found a text of 8 characters')
    expect(said).not.toContain('hunter2')
  })
})

describe('read again', () => {
  const declares = 'limits: [{ scope: global, rpm: 1 }]'
  const write = (text: string) => writeFileSync(join(folder, 'tollgate.yaml'), text)
  const reread = (before: Configuration) => before.reread(new AbortController().signal)

  test('the configuration has what stands in the file by then', async () => {
    const before = load(declares)
    write('limits: [{ scope: global, rpm: 2 }]')
    const after = await reread(before)
    expect(after.declared.limits).toMatchObject([{ limit: { max: 2 } }])
    expect(before.declared.limits).toMatchObject([{ limit: { max: 1 } }])
    expect(after.file.digest).not.toBe(before.file.digest)
    write(declares)
    expect((await reread(after)).file).toEqual(before.file)
  })

  test('a file that was there has to be there still, and not empty; a comment declares nothing', async () => {
    const before = load(declares)
    rmSync(join(folder, 'tollgate.yaml'))
    await expect(reread(before)).rejects.toThrow(`${join(folder, 'tollgate.yaml')}: is not there, expected a YAML file`)
    write('')
    await expect(reread(before)).rejects.toThrow(`${join(folder, 'tollgate.yaml')}: is empty, expected a YAML file`)
    write('# nothing any more')
    expect((await reread(before)).declared.limits).toEqual([])
  })

  test('a large file costs this thread next to nothing, and can be given up', async () => {
    const line = (at: number) => `  - { id: c${at}, provider: acme-ai, api_key: k }`
    const before = load(`connections:\n${Array.from({ length: 10_000 }, (_, at) => line(at)).join('\n')}`)
    const { user } = process.threadCpuUsage()
    const after = await reread(before)
    // Handing over its 10,000 connections; reading them takes seconds.
    expect(process.threadCpuUsage().user - user).toBeLessThan(500_000)
    expect(after.declared).toEqual(before.declared)
    expect(after.connectionPlaces).toEqual(before.connectionPlaces)
    await expect(before.reread(AbortSignal.timeout(10))).rejects.toThrow('aborted')
  })

  test('a file of more than 1 MiB is refused', () => {
    expect(problems('#'.repeat(1024 * 1024 + 1))).toEqual([
      'tollgate.yaml: found "tollgate.yaml", which is larger than 1048576 bytes, expected a YAML file',
    ])
  })

  test('a file that was not there may come', async () => {
    const before = load(undefined)
    expect([before.configFile, before.file]).toEqual([
      undefined,
      { path: join(folder, 'tollgate.yaml'), digest: undefined },
    ])
    expect((await reread(before)).configFile).toBeUndefined()
    write(declares)
    const after = await reread(before)
    expect(after.configFile).toBe(join(folder, 'tollgate.yaml'))
    rmSync(join(folder, 'tollgate.yaml'))
    await expect(reread(after)).rejects.toThrow('is not there')
  })
})

describe('health', () => {
  const health = (yaml: string) => problems(`settings: { health: ${yaml} }`)

  test('takes thresholds that grow worse, or are the same', () => {
    expect(health('{ window_s: 60, success_percent: { degraded: 99.5, warning: 99, critical: 99 } }')).toEqual([])
    expect(health('{ errors_in_a_row: { degraded: 10, warning: 10 } }')).toEqual([])
  })

  test('refuses those that are out of order, also with a default, where they stand', () => {
    expect(health('{ success_percent: { warning: 99 }, errors_in_a_row: { critical: 2 } }')).toEqual([
      'tollgate.yaml:1:51 settings.health.success_percent.warning: found 99, expected at most that of degraded: 98',
      'tollgate.yaml:1:86 settings.health.errors_in_a_row.critical: found 2, expected at least that of warning: 3',
    ])
    expect(health('{ success_percent: { warning: 60 }, errors_in_a_row: { degraded: 4 } }')).toEqual([
      'tollgate.yaml:1:51 settings.health.success_percent.warning: found 60, expected at least that of critical: 70',
      'tollgate.yaml:1:86 settings.health.errors_in_a_row.degraded: found 4, expected at most that of warning: 3',
    ])
  })

  test('is looked at in a window of sense', () => {
    expect(health('{ window_s: 5 }')).toEqual([
      'tollgate.yaml:1:33 settings.health.window_s: found 5, expected whole seconds, 10 to 3600',
    ])
  })
})

describe('what becomes of usage', () => {
  const settings = (members: string) => load(`settings: { ${members} }`).declared.settings
  const wrong = (members: string) => problems(`settings: { ${members} }`).map((line) => line.replace(/^\S+ /, ''))

  test('is said for the installation, for connections and for keys, where null leaves it to others', () => {
    const levels = (level: unknown) =>
      load(
        stringify({
          settings: { track_usage: false },
          connections: [{ id: 'a', provider: 'acme-ai', api_key: 'k', track_usage: level }],
          keys: [{ id: 'a', secret, track_usage: level }],
        }),
      ).declared
    for (const [level, meant] of [
      [true, true],
      [false, false],
      [null, undefined],
    ] as const) {
      const { settings, connections, keys } = levels(level)
      expect([settings.trackUsage, connections[0]?.trackUsage, keys[0]?.trackUsage]).toEqual([false, meant, meant])
    }
    expect(
      load(`keys: [{ id: a, secret: ${secret}, track_usage: "\${T}" }]`, { T: 'false' }).declared.keys,
    ).toMatchObject([{ trackUsage: false }])
  })

  test('is kept for as long as it says, sums no shorter than the rows they sum', () => {
    expect(settings('retention: { rows_days: 1, rollups_days: 1 }').retention).toEqual({ rowsDays: 1, rollupsDays: 1 })
    expect(settings('retention: { rows_days: 30 }').retention).toEqual({ rowsDays: 30, rollupsDays: 1100 })
    expect(wrong('retention: { rows_days: 31, rollups_days: 30 }')).toEqual([
      'settings.retention.rollups_days: found 30, expected at least rows_days: 31',
    ])
    expect(wrong('retention: { rollups_days: 30 }')).toEqual([
      'settings.retention.rollups_days: found 30, expected at least rows_days: 90',
    ])
    expect(wrong('retention: { rows_days: 2000 }')).toEqual([
      'settings.retention.rows_days: found 2000, expected at most rollups_days: 1100',
    ])
    expect(wrong('retention: { rows_days: 0 }')).toEqual([
      'settings.retention.rows_days: found 0, expected whole days, 1 to 36500 (a hundred years)',
    ])
  })

  test('goes to the database always, and to one folder besides, which is in the data directory unless it says where', () => {
    expect(settings('usage_sinks: [postgres]').usageFolder).toBeUndefined()
    expect(settings('usage_sinks: [{ jsonl: rows }, postgres]').usageFolder).toBe(join(folder, 'data', 'rows'))
    expect(settings('usage_sinks: [postgres, { jsonl: /var/rows }]').usageFolder).toBe('/var/rows')
    const of = (found: string) => [`settings.usage_sinks: found ${found}`]
    expect(wrong('usage_sinks: [{ jsonl: rows }]')).toEqual(of('postgres missing, expected it once'))
    expect(wrong('usage_sinks: []')).toEqual(of('postgres missing, expected it once'))
    expect(wrong('usage_sinks: [postgres, postgres]')).toEqual(of('postgres twice, expected it once'))
    expect(wrong('usage_sinks: [postgres, { jsonl: a }, { jsonl: b }]')).toEqual(
      of('more than one folder, expected one at most'),
    )
    expect(wrong('usage_sinks: [postgres, kafka]')).toEqual([
      'settings.usage_sinks[1]: found "kafka", expected postgres, or {jsonl: folder}',
    ])
  })

  test('is safe from the death of the process, or of the machine, and says what happens where no row can be written', () => {
    expect(settings('journal: { durability: machine }').journal).toEqual({ durability: 'machine', onLoss: 'refuse' })
    expect(settings('journal: { on_loss: serve }').journal).toEqual({ durability: 'process', onLoss: 'serve' })
    expect(wrong('journal: { durability: disk }')).toEqual([
      'settings.journal.durability: found "disk", expected process or machine',
    ])
  })
})

describe('what this release does not do', () => {
  const connection = (member: string) => `connections: [{ id: a, provider: acme-ai, api_key: k, ${member} }]`
  const key = (member: string) => `keys: [{ id: a, secret: ${secret}, ${member} }]`
  const setting = (member: string) => `settings: { ${member} }`

  test('is refused by name in the file', () => {
    const asked = [
      connection('limits: { rpd: 1 }'),
      connection('limits: { tpd: 1 }'),
      key('limits: { rpd: 1 }'),
      key('limits: { tpd: 1 }'),
      key('passthrough: true'),
      'limits: [{ scope: global, rpd: 1 }]',
      'limits: [{ scope: global, tpd: 1 }]',
      'limits: [{ scope: global, rpm: 1, mode: shadow }]',
      'budgets: [{ scope: global, amount_usd: 1, period: total }]',
      setting('budget_exceeded_status: 402'),
      setting('on_store_loss: { rates: local, budgets: closed }'),
      setting('unpriced_under_hard_budget: default'),
      setting('clamp_output: true'),
      setting('passthrough_hold_usd: 1'),
    ]
    for (const yaml of asked)
      expect(problems(yaml), yaml).toEqual([expect.stringMatching(/: not in this release: .+; remove it/)])
  })

  test('is refused by name in the environment', () => {
    const asked = {
      REDIS_URL: 'redis://localhost',
      TOLLGATE_WORKERS: 'auto',
      TOLLGATE_ADMIN_PORT: '9090',
      TOLLGATE_ADMIN_TOKEN: 'hunter2',
      TOLLGATE_BASE_PATH: '/ai',
      TOLLGATE_UI: 'on',
      TOLLGATE_TRUSTED_PROXIES: '10.0.0.0/8',
      TOLLGATE_INSECURE_HTTP: 'true',
    }
    for (const [name, value] of Object.entries(asked)) {
      expect(problems(undefined, { [name]: value })).toEqual([expect.stringMatching(`^${name}: not in this release: `)])
    }
    expect(problems(undefined, asked).join()).not.toContain('hunter2')
  })

  test('may be said where it only states what holds today', () => {
    const stated = [
      key('passthrough: false'),
      'limits: [{ scope: global, rpm: 1, mode: hard }]',
      'budgets: []',
      setting('clamp_output: false'),
    ]
    for (const yaml of stated) expect(problems(yaml), yaml).toEqual([])
    const env = {
      TOLLGATE_WORKERS: '1',
      TOLLGATE_BASE_PATH: '/',
      TOLLGATE_UI: 'off',
      TOLLGATE_TRUSTED_PROXIES: 'none',
      TOLLGATE_INSECURE_HTTP: 'false',
    }
    expect(problems(undefined, env)).toEqual([])
  })

  test('is checked for its shape all the same', () => {
    expect(
      problems('budgets: [{ scope: global, amount_usd: -1, period: hourly }]', { TOLLGATE_WORKERS: 'many' }),
    ).toEqual([
      'TOLLGATE_WORKERS: found "many", expected a whole number of 1 or more, or auto',
      'tollgate.yaml:1:10 budgets: not in this release: limits on money; remove it, or set it to []',
      'tollgate.yaml:1:40 budgets[0].amount_usd: found -1, expected a number above 0',
      'tollgate.yaml:1:52 budgets[0].period: found "hourly", expected daily, weekly, monthly or total',
    ])
  })
})
