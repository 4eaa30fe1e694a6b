import type { Clock } from '../../domain/clock.ts'
import { publicId, type Uuid, uuidV7 } from '../../domain/id.ts'
import { nanoFromUsd, nanoUsd, usdFromNano } from '../../domain/money.ts'
import {
  type OverrideLine,
  type OverrideTerms,
  overridePrefix,
  type PriceOverride,
} from '../../domain/price-override.ts'
import type { Part } from '../../domain/usage.ts'
import { writeAudit } from '../audit.ts'
import type { Database } from '../database.ts'
import { become, everyOrg, scoped } from '../roles.ts'

/** Every entry there ever was, in the order in which they come into effect. */
export async function listOverrides(database: Pick<Database, 'sql'>): Promise<readonly PriceOverride[]> {
  const { entries } = await database.sql.begin(async (tx) => {
    await become(tx, 'tollgate_app', scoped(everyOrg))
    // Numerics as text, since a float would round them; the time as a number, since drizzle's sessions read no dates.
    const rows = await tx<StoredOverride[]>`
      SELECT id, scope, subject, provider, model, kind, rates, multiplier::text, fee_usd::text AS fee,
        (extract(epoch FROM effective_from) * 1000)::double precision AS at
      FROM tollgate.price_overrides ORDER BY effective_from, id
    `
    return { entries: rows.map(overrideOf) }
  })
  return entries
}

/** Adds an entry, which supersedes the older ones of its line from its time on. */
export async function addOverride(
  database: Pick<Database, 'sql'>,
  clock: Clock,
  { line, terms, effectiveFrom }: Omit<PriceOverride, 'id'>,
  actor: string,
): Promise<PriceOverride> {
  const now = clock.now()
  const entry: PriceOverride = { id: uuidV7(now), line, terms, effectiveFrom }
  const { scope, subject = null, provider = null, model } = line
  const stored = storedTerms(terms)
  await database.sql.begin(async (tx) => {
    await become(tx, 'tollgate_app', scoped(everyOrg))
    await tx`
      INSERT INTO tollgate.price_overrides
        (id, created_at, scope, subject, provider, model, kind, rates, multiplier, fee_usd, effective_from)
      VALUES (
        ${entry.id}, ${new Date(now)}, ${scope}, ${subject}, ${provider}, ${model}, ${terms.kind},
        ${stored.rates}::text::jsonb, ${stored.multiplier}::text::numeric, ${stored.fee}::text::numeric,
        ${new Date(effectiveFrom)}
      )
    `
    await writeAudit(tx, clock, {
      actor,
      action: terms.kind === 'withdrawn' ? 'price_override.withdrawn' : 'price_override.created',
      target: publicId(overridePrefix, entry.id),
      org: scope === 'org' ? line.subject : undefined,
      detail: {
        ...line,
        ...stored.words,
        kind: terms.kind,
        effective_from: new Date(effectiveFrom).toISOString(),
      },
    })
  })
  return entry
}

interface StoredOverride {
  readonly id: Uuid
  readonly scope: OverrideLine['scope']
  readonly subject: string | null
  readonly provider: string | null
  readonly model: string
  readonly kind: OverrideTerms['kind']
  readonly rates: Readonly<Partial<Record<Part, string>>> | null
  readonly multiplier: string | null
  readonly fee: string | null
  readonly at: number
}

function overrideOf({ id, scope, subject, provider, model, at, ...terms }: StoredOverride): PriceOverride {
  return {
    id,
    line: { scope, subject: subject ?? undefined, provider: provider ?? undefined, model },
    effectiveFrom: at,
    terms: termsOf(terms),
  }
}

function termsOf({
  kind,
  rates,
  multiplier,
  fee,
}: Omit<StoredOverride, keyof OverrideLine | 'id' | 'at'>): OverrideTerms {
  switch (kind) {
    case 'absolute':
      return { kind, rates: nanoRates(rates ?? {}) }
    case 'multiplier':
      return { kind, billionths: Number(nanoFromUsd(multiplier ?? '1')) }
    case 'per_request':
      return { kind, fee: nanoUsd(Number(nanoFromUsd(fee ?? '0'))) }
    case 'withdrawn':
      return { kind }
  }
}

function nanoRates(stated: Readonly<Partial<Record<Part, string>>>): Readonly<Partial<Record<Part, number>>> {
  return Object.fromEntries(Object.entries(stated).map(([part, usd]) => [part, Number(nanoFromUsd(usd))]))
}

/** The columns, and the same in words. */
function storedTerms(terms: OverrideTerms) {
  const none = { rates: null, multiplier: null, fee: null, words: {} }
  switch (terms.kind) {
    case 'absolute': {
      const rates = Object.fromEntries(Object.entries(terms.rates).map(([part, nano]) => [part, usdFromNano(nano)]))
      return { ...none, rates: JSON.stringify(rates), words: { usd_per_mtok: rates } }
    }
    case 'multiplier': {
      const multiplier = usdFromNano(terms.billionths)
      return { ...none, multiplier, words: { multiplier } }
    }
    case 'per_request': {
      const fee = usdFromNano(terms.fee)
      return { ...none, fee, words: { fee_usd: fee } }
    }
    case 'withdrawn':
      return none
  }
}
