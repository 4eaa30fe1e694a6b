import { Hono } from 'hono'
import { openaiError } from '../dialects/openai-error.ts'
import { Fault, toFault } from '../domain/fault.ts'
import type { Gateway } from '../pipeline/gateway.ts'
import type { Env } from './env.ts'
import { meRoutes } from './me.ts'
import { modelRoutes } from './models.ts'
import { type Ops, opsRoutes } from './ops.ts'
import type { OwnUsage } from './own-usage.ts'

export interface HttpParts {
  readonly gateway: Gateway
  readonly ops: Ops
  readonly usage: OwnUsage
}

/** Every route but the calls themselves (openai.ts). */
export function buildApp({ gateway, ops, usage }: HttpParts): Hono<Env> {
  const app = new Hono<Env>()
  app.route('/', modelRoutes(gateway))
  app.route('/', meRoutes(gateway, usage))
  app.route('/', opsRoutes(ops))
  app.notFound((context) => {
    const fault = new Fault('route_not_found', `There is no ${context.req.method} ${context.req.path} here.`)
    return context.body(openaiError(fault), 404, { 'content-type': 'application/json', 'x-should-retry': 'false' })
  })
  app.onError((thrown, context) => {
    const fault = toFault(thrown)
    if (fault.code === 'internal') gateway.log.error({ error: fault.cause }, 'a request failed')
    return context.body(openaiError(fault), fault.status as 500, { 'content-type': 'application/json' })
  })
  return app
}
