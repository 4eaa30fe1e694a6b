import type { IRegularForbiddenRuleType } from 'dependency-cruiser'

/**
 * Who may import whom (the picture is in ARCHITECTURE.md), as rules for dependency-cruiser. `planted` lists imports
 * that break the rule, as `from -> to`: a rule that does not catch them is not believed.
 */
export interface ImportRule {
  readonly name: string
  /** What to do instead. */
  readonly comment: string
  readonly from: IRegularForbiddenRuleType['from']
  readonly to: IRegularForbiddenRuleType['to']
  readonly planted: readonly string[]
}

/** Tests, and what only tests run, may reach for anything. */
export const tests: string[] = [
  '\\.(test|rules|fixture|child)\\.ts$',
  '/(conformance|differential|oracle)\\.ts$',
  '^gateway/e2e/',
]
const capabilities = 'limits|prices|journal|health|catalog|ledger|alerts|observe|tokenizer|upstream'
const implementations = 'redis|memory|embedded'
// Of Node's own modules, those that compute and touch nothing outside the process.
const pure = '^(node:)?(assert|buffer|crypto|string_decoder|url|util)(/|$)'
const composition = '^gateway/([^/]+\\.ts$|(cli|config)/)'

export const importRules: readonly ImportRule[] = [
  {
    name: 'domain-imports-nothing',
    comment: 'The domain is words and arithmetic: hand it what it needs as a value.',
    from: { path: '^gateway/domain/', pathNot: tests },
    to: { pathNot: ['^gateway/domain/', pure] },
    planted: [
      'gateway/domain/a.ts -> ../limits/limit-store.ts',
      'gateway/domain/b.ts -> node:fs/promises',
      'gateway/domain/c.ts -> zod',
    ],
  },
  {
    name: 'capabilities-are-islands',
    comment: 'A capability knows the domain and itself; assemble.ts hands it another as a function or an interface.',
    from: { path: `^gateway/(${capabilities})/`, pathNot: tests },
    to: { path: '^gateway/', pathNot: '^gateway/($1|domain)/' },
    planted: capabilities
      .split('|')
      .map((name) => `gateway/${name}/a.ts -> ../${name === 'limits' ? 'prices/price-book' : 'limits/limit-store'}.ts`),
  },
  {
    name: 'folders-in-a-folder-are-islands',
    comment: 'Two implementations, dialects or providers share a file above them or nothing.',
    from: { path: '^gateway/([^/]+)/([^/]+)/', pathNot: tests },
    to: { path: '^gateway/$1/[^/]+/', pathNot: '^gateway/$1/$2/' },
    planted: [
      'gateway/providers/alpha/island.ts -> ../beta/adapter.ts',
      'gateway/dialects/alpha-chat/island.ts -> ../beta-chat/meter.ts',
      'gateway/ledger/notify/island.ts -> ../rollup/sums.ts',
    ],
  },
  {
    name: 'providers-know-dialects',
    comment: 'A provider is an adapter over a dialect: pure, without packages.',
    from: { path: '^gateway/providers/', pathNot: tests },
    to: { path: ['^gateway/', 'node_modules/'], pathNot: '^gateway/(providers|dialects|domain)/' },
    planted: ['gateway/providers/alpha/a.ts -> ../../limits/limit-store.ts', 'gateway/providers/b.ts -> undici'],
  },
  {
    name: 'adapters-do-no-io',
    comment: "An adapter says what to send and reads what came; sockets are the pipeline's. The sandbox has a server.",
    from: { path: '^gateway/providers/', pathNot: [...tests, '^gateway/providers/sandbox/'] },
    to: { dependencyTypes: ['core'], pathNot: pure },
    planted: ['gateway/providers/alpha/c.ts -> node:https', 'gateway/providers/d.ts -> node:fs'],
  },
  {
    name: 'dialects-know-the-domain',
    comment: 'A dialect is a wire format: bytes in, meaning out, nothing else.',
    from: { path: '^gateway/dialects/', pathNot: tests },
    to: { pathNot: ['^gateway/(dialects|domain)/', pure] },
    planted: [
      'gateway/dialects/alpha-chat/a.ts -> ../../providers/provider.ts',
      'gateway/dialects/b.ts -> node:http',
      'gateway/dialects/c.ts -> zod',
    ],
  },
  {
    name: 'pipeline-sees-interfaces',
    comment: 'Import the type; the implementation comes in the Gateway value.',
    from: { path: '^gateway/pipeline/', pathNot: tests },
    to: { path: '^gateway/', pathNot: '^gateway/(pipeline|domain)/', dependencyTypesNot: ['type-only'] },
    planted: [
      'gateway/pipeline/a.ts -> ../limits/limit-store.ts',
      'gateway/pipeline/b.ts -> ../dialects/meter.ts',
      'gateway/pipeline/c.ts -> ../providers/provider.ts',
    ],
  },
  {
    name: 'pipeline-knows-no-edge',
    comment: 'What answers the client is the Client interface; hono and the routes stay outside.',
    from: { path: '^gateway/pipeline/', pathNot: tests },
    to: { path: ['^gateway/(http|admin)/'] },
    planted: ['gateway/pipeline/d.ts -> type ../http/app.ts', 'gateway/pipeline/e.ts -> type ../admin/app.ts'],
  },
  {
    name: 'edges-never-meet',
    comment: 'Data plane and control plane share capabilities, not routes.',
    from: { path: '^gateway/(http|admin)/', pathNot: tests },
    to: { path: '^gateway/(http|admin)/', pathNot: '^gateway/$1/' },
    planted: ['gateway/http/a.ts -> ../admin/app.ts', 'gateway/admin/a.ts -> type ../http/app.ts'],
  },
  {
    name: 'implementations-are-chosen-once',
    comment: 'Only assemble.ts decides between memory, Redis and the embedded database.',
    from: { pathNot: [...tests, '^gateway/assemble(-ledger)?\\.ts$', `^gateway/[^/]+/(${implementations})/`] },
    to: { path: `^gateway/[^/]+/(${implementations})/` },
    planted: [
      'gateway/limits/b.ts -> ./memory/memory-limit-store.ts',
      'gateway/http/b.ts -> ../limits/redis/redis-limit-store.ts',
      'gateway/main.ts -> ./ledger/embedded/open.ts',
    ],
  },
  {
    name: 'drivers-stay-with-their-store',
    comment: 'SQL lives in ledger/, Redis in folders named redis/; hand out a function instead of a client.',
    from: { pathNot: [...tests, '^gateway/ledger/', '^gateway/[^/]+/redis/', '^gateway/assemble(-ledger)?\\.ts$'] },
    to: { path: '(^|node_modules/)(postgres|drizzle-orm|ioredis)(/|$)' },
    planted: [
      'gateway/journal/b.ts -> postgres',
      'gateway/http/c.ts -> drizzle-orm/pg-core',
      'gateway/limits/memory/a.ts -> ioredis',
    ],
  },
  {
    name: 'hono-stays-at-the-edge',
    comment: 'Only http/ and admin/ speak hono; the assembly mounts them.',
    from: { pathNot: [...tests, '^gateway/(http|admin)/', '^gateway/(assemble|main)\\.ts$'] },
    to: { path: '(^|node_modules/)(hono|@hono/[^/]+)(/|$)' },
    planted: ['gateway/pipeline/f.ts -> hono', 'gateway/observe/b.ts -> @hono/node-server'],
  },
  {
    name: 'tiktoken-stays-in-tokenizer',
    comment: 'Its tables are 20 MB and its work is quadratic on odd input: it runs in the worker.',
    from: { pathNot: [...tests, '^gateway/tokenizer/'] },
    to: { path: '(^|node_modules/)tiktoken(/|$)' },
    planted: ['gateway/pipeline/g.ts -> tiktoken'],
  },
  {
    name: 'nothing-imports-the-composition',
    comment: 'main, assemble, config and the CLI put the parts together; a part that needs them is in the wrong place.',
    from: { pathNot: [...tests, composition] },
    to: { path: composition, pathNot: tests },
    planted: [
      'gateway/http/d.ts -> type ../config/config.ts',
      'gateway/admin/b.ts -> ../assemble.ts',
      'gateway/http/e.ts -> ../cli/serve.ts',
    ],
  },
  {
    name: 'nothing-imports-a-test',
    comment: 'What a test and the product share belongs to the product.',
    from: { pathNot: tests },
    to: { path: tests },
    planted: ['gateway/http/f.ts -> ../e2e/stores.ts', 'gateway/main.ts -> ./domain/money.test.ts'],
  },
  {
    name: 'no-undeclared-packages',
    comment: 'What the product imports is in "dependencies", where its version is pinned and its licence known.',
    from: { pathNot: tests },
    // A file of ours that is not there is the compiler's to report.
    to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'], pathNot: '^\\.' },
    planted: ['gateway/http/g.ts -> fast-check', 'gateway/http/h.ts -> a-package-nobody-declared'],
  },
  {
    name: 'no-cycles',
    comment: 'Two files that need each other are one file, or lack a third one.',
    from: {},
    to: { circular: true },
    planted: ['gateway/limits/ring.ts -> ./ring-two.ts', 'gateway/limits/ring-two.ts -> type ./ring.ts'],
  },
]

/** Imports that no rule may stop: each is how it is meant to be done. */
export const welcome: readonly string[] = [
  'gateway/domain/well.ts -> node:crypto',
  'gateway/dialects/alpha-chat/well.ts -> ../sse.ts',
  'gateway/providers/alpha/well.ts -> ../openai-compatible.ts',
  'gateway/providers/alpha/well.ts -> ../../dialects/alpha-chat/meter.ts',
  'gateway/pipeline/well.ts -> type ../limits/limit-store.ts',
  'gateway/pipeline/well.ts -> ../domain/fault.ts',
  'gateway/limits/memory/well.ts -> ../limit-store.ts',
  'gateway/ledger/well.ts -> drizzle-orm/pg-core',
  'gateway/tokenizer/well.ts -> tiktoken',
  'gateway/http/well.ts -> ../pipeline/handle.ts',
  'gateway/http/well.ts -> hono',
  'gateway/cli/well.ts -> ../assemble.ts',
  'gateway/assemble.ts -> ./limits/redis/redis-limit-store.ts',
  'gateway/ledger/well.test.ts -> ../e2e/stores.ts',
]

/** The folders that the rules know. A new one needs its place among them first. */
export const folders: readonly string[] = [
  ...['domain', 'dialects', 'providers', 'pipeline', 'http', 'admin', 'cli', 'config', 'e2e'],
  ...capabilities.split('|'),
]

/** Folders and files are named after what they hold; these names hold anything. */
export function misnamed(path: string): boolean {
  return /(^|\/)(utils?|helpers?|common|misc)(\/|\.)/.test(path)
}

/**
 * Where a provider is named outside its folder, and why: `openai` is also the name of a family of formats, so the table
 * of faults has a column for its error types (as it has for `anthropic`), a dialect reads that column, and one file of
 * routes is called by it. `sandbox` is the one provider that we run ourselves: the assembly starts its server, it is
 * there without being declared, and the first call that people are shown goes to it. The help of `connections add` has
 * examples, and an example names something.
 */
export const providersNamed: readonly string[] = [
  'gateway/domain/fault.ts: openai',
  'gateway/dialects/openai-error.ts: openai',
  'gateway/assemble.ts: sandbox',
  'gateway/declared.ts: sandbox',
  'gateway/ready-text.ts: sandbox',
  'gateway/cli/connections/add.ts: openai',
  'gateway/cli/connections/add.ts: compatible',
]
