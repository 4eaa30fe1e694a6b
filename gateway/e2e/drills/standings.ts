/** What `/health` says, as far as drills ask. */
export interface Health {
  readonly live_attempts: number
  readonly connections: readonly ConnectionHealth[]
}

export interface ConnectionHealth {
  readonly id: string
  readonly status: string
  readonly health: 'healthy' | 'degraded' | 'warning' | 'critical'
  readonly available: boolean
  readonly errors_in_a_row: number
  readonly reason: string | null
  readonly retry_after_ms: number
}

export async function healthOf(url: string): Promise<Health> {
  return (await (await fetch(`${url}/health`)).json()) as Health
}

export async function standingOf(url: string, connectionId: string): Promise<ConnectionHealth> {
  const found = (await healthOf(url)).connections.find(({ id }) => id === connectionId)
  if (!found) throw new Error(`/health knows no connection ${connectionId}`)
  return found
}
