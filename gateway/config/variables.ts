import { z } from 'zod'
import { masterKeyFrom } from '../catalog/seal.ts'
import type { Environment } from './document.ts'
import { expectedWord } from './expected-word.ts'
import { didYouMean, type Problem, shown } from './problem.ts'
import { timezone } from './scalars.ts'

/** What the environment says. An error text here says what was expected. */
const wholeNumber = (from: number, to: number, what: string) =>
  z
    .string()
    .regex(/^\d{1,6}$/, what)
    .transform(Number)
    .pipe(z.number().min(from, what).max(to, what))

const port = wholeNumber(0, 65_535, 'a port, 0 to 65535')
const onOff = z.enum(['on', 'off', 'true', 'false'], 'on or off').transform((word) => word === 'on' || word === 'true')
const filled = z.string().min(1)
const url = (schemes: RegExp, what: string) => filled.regex(schemes, what)

const masterKeys = filled.transform((text, context) => {
  const keys = text.split(',').map((part) => masterKeyFrom(part.trim()))
  const known = keys.filter((key) => key !== undefined)
  if (known.length === keys.length) return known
  context.addIssue('32 bytes in base64 (several, comma-separated, while rotating): openssl rand -base64 32')
  return z.NEVER
})

/** Every variable of the product, in the order of its documentation. Empty is as good as unset. */
export const variablesSchema = z.object({
  PORT: port.default(8080).describe('Port of the proxy and the API; 0 takes a free one.'),
  HOST: filled.default('127.0.0.1').describe('Address that it listens on.'),
  TOLLGATE_ADMIN_PORT: port.optional().describe('Separate listener for /admin, /ui and /metrics.'),
  DATABASE_URL: url(/^postgres(ql)?:\/\/[^/]/, 'a URL: postgres://user:password@host/database')
    .optional()
    .describe('PostgreSQL 15 or newer; without it, an embedded one in the data directory.'),
  REDIS_URL: url(/^rediss?:\/\/[^/]/, 'a URL: redis://host:6379')
    .optional()
    .describe('Where replicas share their limits.'),
  TOLLGATE_DATA_DIR: filled.default('./data').describe('Journal, embedded database, generated secrets.'),
  TOLLGATE_MASTER_KEY: masterKeys.optional().describe('Seals stored credentials: 32 bytes in base64.'),
  TOLLGATE_ADMIN_TOKEN: filled.optional().describe('A static admin token, for automation.'),
  TOLLGATE_WORKERS: z
    .union([z.literal('auto'), wholeNumber(1, 512, '')], 'a whole number of 1 or more, or auto')
    .default(1)
    .describe('Processes that share the port.'),
  TOLLGATE_TIMEZONE: timezone.default('UTC').describe('IANA time zone of calendar windows and reports.'),
  TOLLGATE_CONFIG: filled.optional().describe('The YAML file; ./tollgate.yaml without it, if that is there.'),
  TOLLGATE_BASE_PATH: filled
    .regex(/^\/[\w./-]*$/, 'a path that begins with /')
    .optional()
    .describe('Sub-path it is served under.'),
  TOLLGATE_UI: onOff.optional().describe('The admin UI.'),
  TOLLGATE_TRUSTED_PROXIES: filled.optional().describe('Whose X-Forwarded-* headers count.'),
  TOLLGATE_INSECURE_HTTP: onOff.default(false).describe('Sign-in over plain HTTP off loopback.'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('The least grave lines that are logged.'),
})

export type Variables = z.output<typeof variablesSchema>
export type VariableName = keyof Variables

/** Variables whose value is never told. */
export const secretVariables: ReadonlySet<string> = new Set<VariableName>([
  'DATABASE_URL',
  'REDIS_URL',
  'TOLLGATE_MASTER_KEY',
  'TOLLGATE_ADMIN_TOKEN',
])

/** Variables of ours that the CLI reads, not the gateway. */
const others = ['TOLLGATE_URL', 'TOLLGATE_TOKEN']

const names = Object.keys(variablesSchema.shape)

/** Reads all variables; one that is wrong is a problem and has its default. */
export function readVariables(env: Environment): {
  readonly variables: Variables
  readonly problems: readonly Problem[]
} {
  const set = Object.fromEntries(names.flatMap((name) => (env[name]?.trim() ? [[name, env[name].trim()]] : [])))
  const read = variablesSchema.safeParse(set, { error: expectedWord })
  const wrong = new Map((read.error?.issues ?? []).map((issue) => [String(issue.path[0]), issue.message]))
  const problems = [...wrong].map(([path, expected]) => ({
    path,
    message: `found ${secretVariables.has(path) ? 'something else' : shown(set[path])}, expected ${expected}`,
  }))
  const right = Object.fromEntries(Object.entries(set).filter(([name]) => !wrong.has(name)))
  return { variables: read.data ?? variablesSchema.parse(right), problems: [...problems, ...misspelt(env)] }
}

// Only what is almost a name of ours: Kubernetes sets TOLLGATE_PORT and the like for a service called tollgate.
function misspelt(env: Environment): readonly Problem[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('TOLLGATE_') && !names.includes(name) && !others.includes(name))
    .map((name) => ({ path: name, message: `no variable of Tollgate${didYouMean(name, names)}` }))
    .filter(({ message }) => message.includes('did you mean'))
}
