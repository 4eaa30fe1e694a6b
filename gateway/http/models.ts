import { type Context, Hono } from 'hono'
import { Fault } from '../domain/fault.ts'
import type { Gateway } from '../pipeline/gateway.ts'
import { authenticate } from './authenticate.ts'
import type { Env } from './env.ts'
import { ModelLists } from './model-list.ts'

/** What this key may call, in OpenAI's shape. */
export function modelRoutes(gateway: Gateway): Hono<Env> {
  const app = new Hono<Env>()
  const lists = new ModelLists(gateway)
  const keyOf = (context: Context<Env>) =>
    authenticate(context.env.incoming.headers, gateway.catalog, gateway.clock.now())

  app.get('/v1/models', (context) => {
    const { json } = lists.of(keyOf(context))
    return context.body(json, 200, { 'content-type': 'application/json' })
  })

  // A model's name may hold slashes, plain or as %2F.
  app.get('/v1/models/:id{.+}', (context) => {
    const key = keyOf(context)
    const id = context.req.param('id')
    const model = lists.of(key).byId.get(id) ?? lists.unlisted(id, key)
    if (model) return context.json(model)
    const message = `The model '${id.slice(0, 256)}' does not exist here, or your key may not use it.`
    throw new Fault('model_not_found', message, { param: 'model' })
  })
  return app
}
