import { readFileSync } from 'node:fs'
import type { UsageSource } from '../../domain/usage.ts'
import type { RowFlag, RowStatus } from '../../domain/usage-row.ts'

/** What the table of `interrupted-calls.md` says of one case, in its words. */
export interface Decision {
  readonly name: string
  readonly status: RowStatus
  readonly source: UsageSource
  readonly cost: 'stated' | 'input + output' | 'input' | '0'
  readonly charged: Readonly<Record<Policy, 'cost' | 'nothing'>>
  readonly flag: RowFlag | undefined
}

export const policies = ['none', 'reported', 'estimated'] as const
export type Policy = (typeof policies)[number]

const page = new URL('../../../admin-ui/docs/interrupted-calls.md', import.meta.url)
const statuses = ['complete', 'client_closed', 'truncated', 'cut', 'failed', 'orphan'] as const
const sources = ['provider', 'provider_partial', 'counted', 'none'] as const
const costs = ['stated', 'input + output', 'input', '0'] as const
const charges = ['cost', 'nothing'] as const
const flags = ['', 'maybe_billed'] as const

/** The rows of the page's table. A word that means nothing here is a mistake of the page. */
export function decisions(): readonly Decision[] {
  const lines = readFileSync(page, 'utf8').matchAll(/^\| `([a-z0-9-]+)` \|(.*)\|$/gm)
  return [...lines].map(([, name = '', rest = '']) => {
    const [, , , status, source, cost, none, reported, estimated, flag] = rest.split('|').map((cell) => cell.trim())
    const word = <Word extends string>(words: readonly Word[], found: string | undefined): Word => {
      const known = words.find((each) => each === found)
      if (known === undefined) throw new Error(`${name}: ${found} is none of ${words.join(', ')}`)
      return known
    }
    return {
      name,
      status: word(statuses, status),
      source: word(sources, source),
      cost: word(costs, cost),
      charged: { none: word(charges, none), reported: word(charges, reported), estimated: word(charges, estimated) },
      flag: word(flags, flag) || undefined,
    }
  })
}
