import { Hono } from 'hono'
import type { Env } from './env.ts'

/** What the assembly knows about itself. */
export interface Ops {
  /** Whether this process may take traffic; `reason` where it may not. */
  ready(): { readonly ready: true } | { readonly ready: false; readonly reason: string }
  health(): Promise<Readonly<Record<string, unknown>>>
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
}

/** For probes, people and Prometheus. */
export function opsRoutes(ops: Ops): Hono<Env> {
  const app = new Hono<Env>()
  app.get('/healthz', (context) => context.text('ok\n'))
  app.get('/readyz', (context) => {
    const state = ops.ready()
    return state.ready ? context.text('ready\n') : context.text(`${state.reason}\n`, 503)
  })
  app.get('/health', async (context) => context.json(await ops.health()))
  app.get('/metrics', async (context) => {
    // On the one port there is, figures are for this machine; a scraper elsewhere needs the admin port of a later release.
    if (!isLoopback(context.env.incoming.socket.remoteAddress))
      return context.text('metrics are served on loopback\n', 403)
    const { contentType, text } = await ops.metrics()
    return context.body(text, 200, { 'content-type': contentType })
  })
  return app
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (/^(::ffff:)?127\./.test(address) || address === '::1')
}
