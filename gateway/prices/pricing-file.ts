import { z } from 'zod'
import { parts } from '../domain/usage.ts'

/**
 * The form of the files in `pricing/`. Prices are append-only: the price at a time is the last entry of the list
 * that had come into effect by then, so that a new price never touches an old entry, and an entry needs no end.
 */

const decimal = z
  .string()
  .regex(/^(0|[1-9]\d{0,8})(\.\d{1,9})?$/, 'a decimal number of dollars with at most nine decimals')
  .describe('US dollars per million units, as a decimal.')
const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day, hh:mm')

const rates = z
  .partialRecord(z.enum(parts), decimal)
  .describe('By part of the usage. A part that is left out falls back to a near one (README.md), else it is unpriced.')

const tiers = z
  .array(z.strictObject({ above_input_tokens: z.int().positive(), rates }))
  .describe('What differs for a whole call of more input tokens (cached ones included) than this. Ascending.')

const version = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}(\.[a-z0-9-]+)?$/, 'a date, with a suffix where a model has several of that date')
  .describe('Names the entry for good: usage rows refer to it.')
const effectiveFrom = z.iso.date().describe('From 00:00 UTC of this day. Absent: since ever.')

const priceEntry = z.strictObject({
  version,
  effective_from: effectiveFrom.optional(),
  service_tier: z.string().min(1).describe('Only for calls served at this tier.').optional(),
  rates,
  tiers: tiers.optional(),
  hours: z
    .array(z.strictObject({ from: timeOfDay, to: timeOfDay, rates, tiers: tiers.optional() }))
    .describe('Prices of a time of the day (UTC, `to` excluded), in place of the entry’s own.')
    .optional(),
})

type MatchInput =
  | { readonly equals: string }
  | { readonly starts_with: string }
  | { readonly ends_with: string }
  | { readonly contains: string }
  | { readonly regex: string }
  | { readonly or: readonly MatchInput[] }
  | { readonly and: readonly MatchInput[] }

const match: z.ZodType<MatchInput> = z
  .lazy(() =>
    z.union([
      z.strictObject({ equals: z.string().min(1) }),
      z.strictObject({ starts_with: z.string().min(1) }),
      z.strictObject({ ends_with: z.string().min(1) }),
      z.strictObject({ contains: z.string().min(1) }),
      z.strictObject({ regex: z.string().min(1).refine(compiles, 'not a regular expression') }),
      z.strictObject({ or: z.array(match).min(1) }),
      z.strictObject({ and: z.array(match).min(1) }),
    ]),
  )
  .meta({ id: 'match', description: 'Which names mean the model. Case does not matter.' })

function compiles(source: string): boolean {
  try {
    new RegExp(source)
    return true
  } catch {
    return false
  }
}

const model = z.strictObject({
  id: z.string().min(1),
  aliases: z.array(z.string().min(1)).optional(),
  match: match.optional(),
  context_window: z.int().positive().optional(),
  max_output_tokens: z.int().positive().optional(),
  prices: z.array(priceEntry).optional(),
})

const pricingFile = z
  .strictObject({
    provider: z.string().regex(/^[a-z0-9][a-z0-9_-]*$/),
    name: z.string().min(1),
    source: z.string().min(1).describe('Where the prices come from.'),
    checked_at: z.iso.date().describe('When they were last compared with the source, if by hand.').optional(),
    model_match: match.optional().describe('Names of models that this provider makes.'),
    service_tiers: z
      .array(
        z.strictObject({
          version,
          effective_from: effectiveFrom.optional(),
          service_tier: z.string().min(1),
          times: z.string().regex(/^\d{1,3}(\.\d{1,4})?$/, 'a decimal factor'),
        }),
      )
      .describe('Tiers that cost a multiple of a model’s token rates, where the model has no entry for the tier.')
      .optional(),
    models: z.array(model),
  })
  .meta({ title: 'Prices of one provider' })

export type PricingFile = z.infer<typeof pricingFile>
export type ModelRecord = z.infer<typeof model>
export type PriceEntry = z.infer<typeof priceEntry>
export type StatedRates = z.infer<typeof rates>
export type Match = MatchInput

const sellersFile = z.strictObject({
  providers: z.array(
    z.strictObject({
      id: z.string().min(1),
      catalogue: z.string().min(1).describe('The file of its prices. Absent: it has none of its own.').optional(),
      makers: z
        .union([z.literal('any'), z.array(z.string().min(1))])
        .describe('Whose prices hold for models that it serves and has no price of.')
        .optional(),
      default_model: z.string().min(1).describe('Priced as this where a call names no model.').optional(),
    }),
  ),
})

export type SellersFile = z.infer<typeof sellersFile>

/** What the last sync took from where, and what it left in each file. */
const lockFile = z.strictObject({
  package: z.string(),
  version: z.string(),
  data_sha256: z.string(),
  synced_at: z.iso.date(),
  omitted: z.record(z.string(), z.int()),
  left_out: z.array(z.string()),
  files: z.record(z.string(), z.strictObject({ models: z.int(), prices: z.int(), sha256: z.string() })),
})

export type LockFile = z.infer<typeof lockFile>

export const pricingFileSchema: z.ZodType<PricingFile> = pricingFile
export const sellersFileSchema: z.ZodType<SellersFile> = sellersFile
export const lockFileSchema: z.ZodType<LockFile> = lockFile
