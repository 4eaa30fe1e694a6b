import { defineCommand } from 'citty'
import type { Configuration } from '../config.ts'
import { declaredWithStored } from '../declared.ts'
import { systemClock } from '../domain/clock.ts'
import type { Key } from '../domain/key.ts'
import { listKeys, type StoredKey } from '../ledger/configured/keys.ts'
import { fewOf } from './format.ts'
import { jsonOption } from './options.ts'
import { note, print, printJson } from './output.ts'
import { limitWords, ownLimits } from './own-limits.ts'
import { readConfiguration } from './read-configuration.ts'
import { type Cell, table } from './table.ts'
import { trackWord } from './tracking.ts'
import { hasLedger, withLedger } from './visit.ts'

const list = defineCommand({
  meta: {
    description: 'Lists the keys that calls may come with, declared and stored; never their secrets',
    examples: ['tollgate keys list', "tollgate keys list --json | jq '.keys[] | select(.expired)'"],
  },
  args: { json: jsonOption },
  run: async ({ args }) => {
    const configuration = readConfiguration()
    // Before the first start there is nothing stored, which is no reason to keep silent about what is declared.
    const stored = hasLedger(configuration) ? await withLedger(configuration, listKeys) : undefined
    const lines = linesOf(configuration, stored ?? [])
    if (args.json) return printJson({ keys: lines.map(documentOf) })
    if (lines.length > 0) print(table(columns, lines.map(cellsOf)))
    else note('No keys. The first start makes one, unless the file declares some: npm start')
  },
})

/** `tollgate keys …` */
export const keys = defineCommand({
  meta: {
    description: 'Who may call, and what they may',
    examples: ['tollgate keys list', 'tollgate keys list --json'],
  },
  subCommands: { list },
})

interface Line {
  readonly key: Key
  readonly limits: ReturnType<typeof ownLimits>
  /** What may be shown of the secret. Of a declared key nothing is kept but its hash. */
  readonly hint: string | undefined
  readonly source: 'file' | 'ledger'
  readonly expired: boolean
}

function linesOf(configuration: Configuration, stored: readonly StoredKey[]): readonly Line[] {
  const { keys, limits } = declaredWithStored(configuration, stored)
  const declared = new Set(configuration.declared.keys.map(({ id }) => id))
  const now = systemClock.now()
  return keys.map((key) => ({
    key,
    limits: ownLimits(limits, 'key', key.id),
    hint: declared.has(key.id) ? undefined : stored.find(({ slug }) => slug === key.id)?.hint,
    source: declared.has(key.id) ? 'file' : 'ledger',
    expired: key.expiresAt !== undefined && key.expiresAt <= now,
  }))
}

const columns = ['ID', 'SECRET', 'ORG', 'USER', 'MODELS', 'LIMITS', 'TRACK', 'EXPIRES', 'SOURCE'].map((head) => ({
  head,
}))

function cellsOf({ key, limits, hint, source, expired }: Line): readonly Cell[] {
  const expiry = key.expiresAt === undefined ? 'never' : instant(key.expiresAt)
  return [
    key.id,
    hint ?? '—',
    key.org,
    key.user ?? '—',
    fewOf(key.models),
    limitWords(limits),
    trackWord(key.trackUsage),
    expired ? { text: `${expiry} (expired)`, style: 'red' } : expiry,
    source,
  ]
}

function documentOf({ key, limits, hint, source, expired }: Line) {
  return {
    id: key.id,
    hint: hint ?? null,
    org: key.org,
    user: key.user ?? null,
    feature: key.feature ?? null,
    models: key.models,
    limits,
    allow_client_identity: key.allowClientIdentity,
    track_usage: key.trackUsage ?? null,
    expires_at: key.expiresAt === undefined ? null : instant(key.expiresAt),
    expired,
    source,
  }
}

function instant(at: number): string {
  return new Date(at).toISOString()
}
