import { systemClock } from '../../domain/clock.ts'
import { type HealthWord, healthWords } from '../../domain/settings.ts'
import { ago, counted, percent } from '../format.ts'
import { paint, plain, type Style } from '../output.ts'
import { type Cell, table } from '../table.ts'
import { type Tested, testCell } from './ask-for-tests.ts'
import { type Seen, successOf } from './overview.ts'

/** Health is told by shape and word, and only then by colour. */
const marks = {
  healthy: ['● Healthy', 'green'],
  degraded: ['◗ Degraded', 'yellow'],
  warning: ['▲ Warning', ['bold', 'yellow']],
  critical: ['■ Critical', 'red'],
} as const satisfies Record<HealthWord, readonly [string, Style]>

const standings = {
  active: 'Active',
  inactive: { text: 'Inactive', style: 'yellow' },
  draining: { text: 'Draining', style: 'yellow' },
  error: { text: 'Error', style: 'red' },
} as const satisfies Record<Seen['connection']['status'], Cell>

const columns = [
  { head: 'ID' },
  { head: 'PROVIDER' },
  { head: 'NAME' },
  { head: 'STATUS' },
  { head: 'PRIO', align: 'right' },
  { head: 'SUCCESS', align: 'right' },
  { head: 'HEALTH' },
  { head: 'LAST USED' },
] as const

/** A line for each connection, a line about all of them, and why those are not healthy that are not. */
export function healthTable(connections: readonly Seen[], tests?: ReadonlyMap<string, Tested>): string {
  const now = systemClock.now()
  const heads = tests ? [...columns, { head: 'TEST', widthMax: 60 }] : columns
  const rows = connections.map((seen) => [
    ...cellsOf(seen, now),
    ...(tests ? [testCell(tests.get(seen.connection.id))] : []),
  ])
  return [table(heads, rows), summaryLine(connections), ...reasons(connections)].join('\n')
}

function cellsOf(seen: Seen, now: number): readonly Cell[] {
  const { connection, health } = seen
  const { id, provider, name, status, priority } = connection
  const success = successOf(seen)
  return [
    id,
    provider,
    name,
    standings[status],
    `${priority}`,
    success === undefined ? '—' : percent(success),
    isServed(seen) ? healthCell(health) : '—',
    lastUsedWords(seen, now),
  ]
}

/** Without the ledger, what the gateway has seen since it was started. */
export function lastUsedWords({ health, news }: Seen, now: number): string {
  if (news) return ago(news.lastUsedAt, now)
  return health?.last_used_at ? ago(new Date(health.last_used_at), now) : '—'
}

function healthCell(health: Seen['health']): Cell {
  if (!health) return '—'
  const [text, style] = marks[health.status]
  return { text, style }
}

/** Whether it is meant to get calls: one that was switched off has no health to speak of. */
export function isServed({ connection: { status } }: Pick<Seen, 'connection'>): boolean {
  return status === 'active' || status === 'error'
}

/** How many are how; those that are switched off are in none of the counts. */
export function healthCounts(connections: readonly Seen[]): Readonly<Record<HealthWord, number>> {
  const counts = { healthy: 0, degraded: 0, warning: 0, critical: 0 }
  for (const seen of connections) if (isServed(seen) && seen.health) counts[seen.health.status]++
  return counts
}

export function worstOf(connections: readonly Seen[]): HealthWord {
  const counts = healthCounts(connections)
  return healthWords.findLast((word) => counts[word] > 0) ?? 'healthy'
}

function summaryLine(connections: readonly Seen[]): string {
  const counts = healthCounts(connections)
  return [counted(connections.length, 'connection'), ...healthWords.map((word) => `${counts[word]} ${word}`)].join(
    ' · ',
  )
}

function reasons(connections: readonly Seen[]): readonly string[] {
  return connections.flatMap((seen) => {
    const { connection, health, problem } = seen
    if (problem !== undefined) return [paint('red', `  ${plain(problem)}`)]
    if (!health || health.status === 'healthy' || !isServed(seen)) return []
    return [paint('dim', plain(`  ${connection.id}: ${health.why}`))]
  })
}
