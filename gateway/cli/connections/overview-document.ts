import type { OwnLimits } from '../own-limits.ts'
import type { Tested } from './ask-for-tests.ts'
import { healthCounts, isServed, worstOf } from './health-table.ts'
import { successHours } from './ledger-look.ts'
import { type Overview, type Seen, successOf } from './overview.ts'

/** What a script gets of it; `null` is unknown. `tests` where they were asked for. */
export function overviewDocument({ gateway, healthFrom, connections }: Overview, tests?: ReadonlyMap<string, Tested>) {
  return {
    gateway: gateway ? { address: gateway.address, version: gateway.health.version } : null,
    health_from: healthFrom ?? null,
    success_window_hours: successHours,
    summary: { connections: connections.length, ...healthCounts(connections) },
    worst: connections.some(({ health }) => health) ? worstOf(connections) : null,
    connections: connections.map((seen) => ({
      ...connectionDocument(seen),
      ...(tests && { test: tests.get(seen.connection.id) ?? null }),
    })),
  }
}

/** One connection, with what is known of it. */
export function connectionDocument(seen: Seen) {
  const { connection, health, counts, news } = seen
  return {
    id: connection.id,
    provider: connection.provider,
    name: connection.name,
    status: connection.status,
    priority: connection.priority,
    success_rate: successOf(seen) ?? null,
    attempts: counts?.attempts ?? null,
    health: health && isServed(seen) ? health : null,
    problem: seen.problem ?? null,
    last_used_at: news ? (news.lastUsedAt?.toISOString() ?? null) : (health?.last_used_at ?? null),
    base_url: connection.base_url,
    weight: connection.weight,
    models: connection.models,
    limits: limitsDocument(connection.limits),
    key_hint: connection.key_hint,
    source: connection.source,
    managed_by: connection.managed_by,
  }
}

const names = { requests: 'rpm', tokens: 'tpm', concurrency: 'concurrency' } as const

export function limitsDocument(limits: Seen['connection']['limits']): OwnLimits {
  return Object.fromEntries(limits.map(({ measure, max }) => [names[measure], max]))
}
