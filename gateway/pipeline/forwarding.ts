import type { Client } from './client.ts'
import type { Entry } from './entry.ts'
import type { Gateway } from './gateway.ts'
import type { Plan } from './route.ts'

/** What a call is forwarded with. */
export interface Forwarding {
  readonly plan: Plan
  readonly client: Client
  readonly entry: Entry
  readonly gateway: Gateway
}
