import { Hono } from 'hono'
import { Fault } from '../domain/fault.ts'
import type { Log } from '../observe/log.ts'
import { connectionRoutes } from './connection-routes.ts'
import type { Control } from './control.ts'
import { Problem, problemResponse } from './problem.ts'
import { usageRoutes } from './usage-routes.ts'

/**
 * The control plane's API. Whoever reaches it is the owner: it knows no tokens, and so it is served on a socket that
 * only the gateway's own user can open (control-socket.ts), never on a port.
 */
export function buildAdminApp(control: Control, log: Log): Hono {
  const app = new Hono()
  app.route('/admin/v1/connections', connectionRoutes(control))
  app.route('/admin/v1/usage', usageRoutes(control))
  app.notFound(({ req }) =>
    problemResponse(new Problem('route_not_found', `There is no ${req.method} ${req.path} here.`)),
  )
  app.onError((thrown) => {
    if (thrown instanceof Problem) return problemResponse(thrown)
    if (thrown instanceof Fault && thrown.code === 'journal_unavailable')
      return problemResponse(new Problem('journal_unavailable', `Nothing was taken. ${thrown.message}`))
    // What no client could ask for, as a model's name of thousands of characters.
    if (thrown instanceof Fault && thrown.status < 500)
      return problemResponse(new Problem('invalid_request', thrown.message))
    log.error({ error: thrown }, 'a request of the control plane failed')
    return problemResponse(new Problem('internal', "The gateway's log says why."))
  })
  return app
}
