import { Hono } from 'hono'
import { openaiError } from '../dialects/openai-error.ts'
import { Fault, toFault } from '../domain/fault.ts'
import { uuidV7 } from '../domain/id.ts'
import { idHeaders } from '../pipeline/call-headers.ts'
import { faultHeaders } from '../pipeline/fault-headers.ts'
import type { Gateway } from '../pipeline/gateway.ts'
import { callEndpoints } from './calls.ts'
import type { CallsHere } from './calls-here.ts'
import type { Env } from './env.ts'
import { meRoutes } from './me.ts'
import { modelRoutes } from './models.ts'
import { type Ops, opsRoutes } from './ops.ts'
import type { OwnUsage } from './own-usage.ts'

export interface HttpParts {
  readonly gateway: Gateway
  /** Told of calls by their doors (calls.ts). */
  readonly here: CallsHere
  readonly ops: Ops
  readonly usage: OwnUsage
}

/** Every route but the calls themselves (calls.ts). */
export function buildApp({ gateway, here, ops, usage }: HttpParts): Hono<Env> {
  const app = new Hono<Env>()
  // Not only calls can go wrong: whatever is asked of the data plane has an id to ask about. And what is told to one key
  // is not for a cache between us, which may know keys in `Authorization` alone and would keep even a 404.
  app.use('/v1/*', async (context, next) => {
    await next()
    context.header('cache-control', 'no-store')
    for (const [name, value] of Object.entries(idHeaders(uuidV7(gateway.clock.now())))) context.header(name, value)
  })
  app.route('/', modelRoutes(gateway))
  app.route('/', meRoutes(gateway, here, usage))
  app.route('/', opsRoutes(ops))
  app.notFound((context) => answer(notThere(context.req.method, context.req.path)))
  app.onError((thrown) => {
    const fault = toFault(thrown)
    gateway.metrics.refused(fault.code)
    if (fault.code === 'internal') gateway.log.error({ error: fault.cause }, 'a request failed')
    return answer(fault)
  })
  return app
}

function notThere(method: string, path: string): Fault {
  if (method === 'POST' && path.startsWith('/v1/')) {
    // Most who come here have an SDK whose default is another API of the same provider.
    const advice = `What is: ${callEndpoints.join(', ')}; SDKs that ask for another have a way to choose chat completions.`
    return new Fault('route_not_found', `There is no ${method} ${path} here. ${advice}`)
  }
  if (!callEndpoints.includes(path)) return new Fault('route_not_found', `There is no ${method} ${path} here.`)
  return new Fault('method_not_allowed', `${path} takes POST, not ${method}.`)
}

function answer(fault: Fault): Response {
  const allow = fault.code === 'method_not_allowed' && { allow: 'POST' }
  const headers = { ...faultHeaders(fault), ...allow, 'content-type': 'application/json' }
  return new Response(openaiError(fault), { status: fault.status, headers })
}
