import { Hono } from 'hono'
import { Fault } from '../domain/fault.ts'
import { keyMay } from '../domain/pattern.ts'
import type { Gateway } from '../pipeline/gateway.ts'
import { authenticate } from './authenticate.ts'
import type { Env } from './env.ts'

/** What this key may call, in OpenAI's shape. */
export function modelRoutes(gateway: Gateway): Hono<Env> {
  const app = new Hono<Env>()
  const startedAt = Math.floor(gateway.clock.now() / 1000)

  app.get('/v1/models', (context) => {
    const key = authenticate(context.env.incoming.headers, gateway.catalog, gateway.clock.now())
    const data = gateway.catalog
      .models()
      .filter(({ id }) => keyMay(key, id))
      .map(({ id, ownedBy }) => ({ id, object: 'model', created: startedAt, owned_by: ownedBy }))
    return context.json({ object: 'list', data })
  })

  // A model's name may hold slashes, plain or as %2F.
  app.get('/v1/models/:id{.+}', (context) => {
    const key = authenticate(context.env.incoming.headers, gateway.catalog, gateway.clock.now())
    const id = context.req.param('id')
    const [candidate] = gateway.catalog.candidates(id)
    if (!candidate || !keyMay(key, id)) {
      throw new Fault('model_not_found', `The model '${id}' does not exist here, or your key may not use it.`, {
        param: 'model',
      })
    }
    return context.json({ id, object: 'model', created: startedAt, owned_by: candidate.connection.provider })
  })
  return app
}
