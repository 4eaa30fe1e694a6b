import { z } from 'zod'
import type { Configuration } from '../../config.ts'
import { healthWords } from '../../domain/settings.ts'
import { askControl } from '../control.ts'

/** What we read of a connection as the running gateway tells it; a gateway of another release may say more. */
const liveConnection = z.object({
  id: z.string(),
  provider: z.string(),
  name: z.string(),
  base_url: z.string(),
  api_version: z.string().nullable(),
  header_names: z.array(z.string()),
  key_hint: z.string().nullable(),
  status: z.enum(['active', 'inactive', 'draining', 'error']),
  priority: z.number(),
  weight: z.number(),
  models: z.array(z.object({ pattern: z.string(), upstream: z.string().nullable() })),
  limits: z.array(
    z.object({ measure: z.enum(['requests', 'tokens', 'concurrency']), max: z.number(), used: z.number() }),
  ),
  track_usage: z.boolean().nullable(),
  allow_private_network: z.boolean(),
  source: z.string(),
  managed_by: z.enum(['config', 'database', 'release']),
  health: z.object({
    status: z.enum(healthWords),
    why: z.string(),
    attempts: z.number(),
    success_rate: z.number().nullable(),
    errors_in_a_row: z.number(),
    credential_refused: z.boolean(),
    last_used_at: z.string().nullable(),
    last_error_at: z.string().nullable(),
    rest: z.object({ reason: z.string(), until: z.string() }).nullable(),
  }),
})

export type LiveConnection = z.output<typeof liveConnection>

/** Every connection as the gateway on this data directory serves it; `undefined` where none runs. */
export async function askConnections(configuration: Configuration): Promise<readonly LiveConnection[] | undefined> {
  const answer = z.object({ data: z.array(liveConnection) })
  return (await askControl(configuration, { path: '/admin/v1/connections', answer }))?.data
}
