import type { Call } from '../domain/call.ts'
import { toFault } from '../domain/fault.ts'
import { admit } from './admit.ts'
import type { Client } from './client.ts'
import type { Entry } from './entry.ts'
import { forward } from './forward.ts'
import type { Gateway } from './gateway.ts'
import { type Cost, price } from './price.ts'
import { record } from './record.ts'
import { recount } from './recount.ts'
import { route } from './route.ts'
import { settle } from './settle.ts'

/**
 * The path of a call. Each stage is a file beside this one.
 *
 * 1. A reservation holds what the call may use at worst; settling corrects it. It is a lease, so a dead process holds
 *    nothing for long.
 * 2. The row is on its way to the disk before the client has the end of its answer: whoever has an answer has a row.
 * 3. Recording comes before settling: it needs no network, so a lost store cannot lose a row.
 * 4. Before the first content a failure is thrown and another candidate may be asked. After it nothing is thrown: the
 *    answer ends, one way or another.
 */
export async function handle(call: Call, client: Client, gateway: Gateway): Promise<Handled> {
  const entry: Entry = { call, catalog: gateway.catalog, attempts: [] }
  try {
    const admission = admit(entry)
    const plan = route(admission, gateway)
    entry.delivery = await forward(plan, client, entry, gateway)
  } catch (thrown) {
    entry.fault = toFault(thrown)
  }
  let costs: readonly Cost[] = []
  try {
    costs = price(entry, gateway)
    await record(entry, costs, gateway)
    client.finish(entry, costs)
  } finally {
    // Whatever goes wrong here, nobody else is to be refused for what this call held.
    await settle(entry, costs, gateway)
  }
  await recount(entry, costs, gateway)
  return { entry, costs }
}

/** What has become of a call, for those who want to know more than its client was told. */
export interface Handled {
  readonly entry: Entry
  /** Of each attempt, in order. */
  readonly costs: readonly Cost[]
}
