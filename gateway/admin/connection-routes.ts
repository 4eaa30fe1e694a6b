import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { connectionDocument, testDocument } from './connection-document.ts'
import type { Control } from './control.ts'
import { Problem } from './problem.ts'

const bodyBytesMax = 64 * 1024

/** `/admin/v1/connections`: what there is, how it is, and whether it answers. */
export function connectionRoutes(control: Control): Hono {
  const app = new Hono()
  app.use(async ({ req }, next) => {
    // A misspelt filter must not pass for one that matches everything.
    const [unknown] = Object.keys(req.query())
    if (unknown !== undefined) throw new Problem('unknown_parameter', `There is no parameter ${unknown} here.`)
    await next()
  })
  app.get('/', async (context) => {
    const standings = await control.connections()
    return context.json({ data: standings.map(connectionDocument), next_cursor: null })
  })
  app.get('/:id', async (context) => {
    const id = context.req.param('id')
    const found = (await control.connections()).find(({ connection }) => connection.id === id)
    if (!found) throw notThere(id)
    return context.json(connectionDocument(found))
  })
  app.post('/:id/test', bodyLimit({ maxSize: bodyBytesMax, onError: tooLarge }), async (context) => {
    const id = context.req.param('id')
    const report = await control.test(id, modelIn(await context.req.text()))
    if (!report) throw notThere(id)
    return context.json(testDocument(report))
  })
  return app
}

function notThere(id: string): Problem {
  return new Problem('connection_not_found', `There is no connection ${JSON.stringify(id)}.`)
}

function tooLarge(): never {
  throw new Problem('request_too_large', `The body has more than ${bodyBytesMax} bytes.`)
}

/** `{}`, `{"model": "…"}`, or nothing at all. */
function modelIn(text: string): string | undefined {
  if (text.trim() === '') return undefined
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new Problem('invalid_json', 'The body is not JSON.')
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Problem('invalid_json', 'The body has to be a JSON object.')
  }
  const { model, ...others } = body as { readonly model?: unknown }
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw new Problem('invalid_request', `There is no member ${unknown} here.`)
  if (model === undefined || model === null) return undefined
  if (typeof model === 'string' && model !== '') return model
  throw new Problem('invalid_request', 'The member model has to be the name of a model.')
}
