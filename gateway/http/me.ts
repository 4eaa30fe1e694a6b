import { setTimeout as sleep } from 'node:timers/promises'
import { type Context, Hono } from 'hono'
import { Fault } from '../domain/fault.ts'
import { publicId, type Uuid, uuidOf } from '../domain/id.ts'
import { isTracked } from '../domain/tracking.ts'
import type { Gateway } from '../pipeline/gateway.ts'
import { authenticate } from './authenticate.ts'
import type { CallsHere } from './calls-here.ts'
import type { Env } from './env.ts'
import { requestJson, requestsJson, usageJson } from './me-json.ts'
import { type OwnKey, type OwnUsage, ownGroupings, ownIntervals } from './own-usage.ts'
import { queryIn } from './query.ts'
import { rangeIn, rangeParameters } from './range.ts'
import { trailIn, trailOf } from './trail.ts'

/** What a caller may know about its own use. Never behind a limit, so that one who has spent everything can see it. */
export function meRoutes(gateway: Gateway, here: CallsHere, ledger: OwnUsage): Hono<Env> {
  const app = new Hono<Env>()
  const keyOf = (context: Context<Env>) =>
    authenticate(context.env.incoming.headers, gateway.catalog, gateway.clock.now())

  app.get('/v1/me', (context) => {
    const key = keyOf(context)
    const { id, org, user, feature, models, expiresAt } = key
    const expires = expiresAt === undefined ? null : new Date(expiresAt).toISOString()
    const { trackUsage: installation } = gateway.catalog.settings
    const tracked = isTracked({ request: undefined, key: key.trackUsage, installation })
    const own = { key: id, org, user: user ?? null, feature: feature ?? null, models, tracked }
    return context.json({ ...own, expires_at: expires })
  })

  app.get('/v1/me/usage', async (context) => {
    const key = keyOf(context)
    const query = queryIn(context.req.url, ['group_by', 'interval', ...rangeParameters])
    const range = rangeIn(query, gateway.clock.now())
    const groupBy = oneOf(ownGroupings, query, 'group_by')
    const interval = oneOf(ownIntervals, query, 'interval')
    if (groupBy === 'day' && interval) throw invalid('interval', "no interval beside a group_by of 'day'")
    const question = { range, groupBy, interval }
    return context.json(usageJson(key.id, question, await answered(ledger.usage(key, question))))
  })

  app.get('/v1/me/requests', async (context) => {
    const key = keyOf(context)
    const page = pageIn(queryIn(context.req.url, ['limit', 'cursor']))
    // One more than is shown, to know whether there is more.
    const calls = await answered(ledger.requests(key, { ...page, limit: page.limit + 1 }))
    const shown = calls.slice(0, page.limit)
    const at = gateway.clock.now()
    const trails = shown.flatMap((rows) =>
      rows[0] ? [trailIn({ id: rows[0].call_id, keyId: key.id }, rows, here, at)] : [],
    )
    const last = calls.length > page.limit ? trails.at(-1)?.rows[0] : undefined
    return context.json(requestsJson(trails, last && publicId(cursorPrefix, last.id)))
  })

  app.get('/v1/me/requests/:id', async (context) => {
    const key = keyOf(context)
    const id = context.req.param('id')
    const callId = uuidOf('req', id)
    const trail = callId && (await trailOfOwn(callId, key))
    if (trail) return context.json(requestJson(callId, trail))
    throw new Fault('request_not_found', `This key has made no request '${id.slice(0, 100)}'.`, { param: 'id' })
  })

  function trailOfOwn(id: Uuid, key: OwnKey) {
    return trailOf({ id, keyId: key.id }, () => answered(ledger.request(key, id)), here, gateway.clock)
  }
  return app
}

const cursorPrefix = 'cur'
const pageDefault = 20
const pageMax = 100

function pageIn(query: Readonly<Record<string, string>>): { limit: number; before: Uuid | undefined } {
  const { limit: text = String(pageDefault), cursor } = query
  const limit = Number(text)
  if (!/^\d+$/.test(text) || limit < 1 || limit > pageMax) {
    throw invalid('limit', `a whole number from 1 to ${pageMax}`)
  }
  const before = cursor === undefined ? undefined : uuidOf(cursorPrefix, cursor)
  if (cursor === undefined || before !== undefined) return { limit, before }
  throw invalid('cursor', 'the next_cursor of the page before')
}

function oneOf<T extends string>(
  names: readonly T[],
  query: Readonly<Record<string, string>>,
  param: string,
): T | undefined {
  const text = query[param]
  const found = names.find((name) => name === text)
  if (text === undefined || found !== undefined) return found
  throw invalid(param, `one of ${names.join(', ')}, not '${text.slice(0, 40)}'`)
}

function invalid(param: string, expected: string): Fault {
  return new Fault('invalid_request', `Invalid value for '${param}': expected ${expected}.`, { param })
}

/** Longer than PostgreSQL gives a statement. A server that says nothing at all is not waited for. */
const answerMsMax = 7_000

async function answered<T>(question: Promise<T>): Promise<T> {
  const waiting = new AbortController()
  const silence = sleep(answerMsMax, undefined, { signal: waiting.signal }).then(() => {
    throw new Error(`PostgreSQL did not answer within ${answerMsMax} ms.`)
  })
  try {
    return await Promise.race([question, silence])
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    const message = 'The ledger cannot be read at the moment. Calls are served and recorded all the same.'
    throw new Fault('ledger_unavailable', message, { cause, retryAfterMs: 5_000 })
  } finally {
    waiting.abort()
  }
}
