import type { HttpBindings } from '@hono/node-server'

/** Requests carry Node's own objects, because the bytes of a call go past hono. */
export type Env = { Bindings: HttpBindings }
