import { z } from 'zod'
import type { Configuration } from '../config.ts'
import { healthWords } from '../domain/settings.ts'
import { dataDirOwner } from '../ledger/data-dir.ts'
import { CommandFailure, exits } from './output.ts'

const patienceMs = 3_000

/** What we read of `/health`; a gateway of another release may say more, or less. */
const healthSchema = z.object({
  status: z.string(),
  version: z.string(),
  connections: z
    .array(
      z.object({
        id: z.string(),
        status: z.string().optional(),
        health: z.enum(healthWords).optional(),
        why: z.string().default(''),
        attempts: z.number().default(0),
        success_rate: z.number().nullable().default(null),
        errors_in_a_row: z.number().default(0),
        last_used_at: z.string().nullable().default(null),
        last_error_at: z.string().nullable().default(null),
        available: z.boolean(),
        reason: z.string().nullish(),
        retry_after_ms: z.number().default(0),
      }),
    )
    .default([]),
  database: z.object({ reachable: z.boolean(), problem: z.string().nullish() }).optional(),
  journal: z
    .object({
      problem: z.string().nullable(),
      pending_rows: z.number(),
      oldest_pending_ms: z.number(),
      rows_lost: z.number(),
      sinks: z.array(z.object({ name: z.string(), oldest_pending_ms: z.number(), quarantined: z.number().default(0) })),
    })
    .partial()
    .default({}),
})

export type Health = z.output<typeof healthSchema>

export interface RunningGateway {
  readonly address: string
  readonly health: Health
}

/**
 * The gateway, where one answers: at the address that was named, else where the data directory's owner says. A named one
 * that does not answer is a failure, for somebody meant it.
 */
export async function findGateway(configuration: Configuration, url?: string): Promise<RunningGateway | undefined> {
  const named = url ?? process.env['TOLLGATE_URL']?.trim()
  if (named) {
    const address = addressFrom(named)
    const health = await askHealth(address)
    if (health) return { address, health }
    throw new CommandFailure(exits.unreachable, `no gateway answers at ${address}`, {
      fix: 'is the address right, and the gateway running? It is started with: npm start',
    })
  }
  const address = dataDirOwner(configuration.dataDir)?.address
  const health = address === undefined ? undefined : await askHealth(address)
  return address !== undefined && health ? { address, health } : undefined
}

/** `undefined` where nobody answers in time, or who does is no gateway of ours. */
export async function askHealth(address: string): Promise<Health | undefined> {
  try {
    const answer = await fetch(`${address}/health`, { signal: AbortSignal.timeout(patienceMs), redirect: 'error' })
    return healthSchema.safeParse(await answer.json()).data
  } catch {
    return undefined
  }
}

function addressFrom(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
  throw new CommandFailure(exits.wrongUse, `${JSON.stringify(text)} is no address of a gateway`, {
    fix: 'it looks like http://127.0.0.1:8080',
  })
}
