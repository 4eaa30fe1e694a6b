import { nanoFromUsd } from './domain/money.ts'
import type { ModelRecord } from './prices/pricing-file.ts'
import type { Pricing } from './prices/read-pricing.ts'

/** What its makers call a model that is no chat model, or one that does more than answer. */
const otherKinds = /embed|audio|image|tts|realtime|transcribe|moderation|instruct|search|research|guard|rerank|^ft:/i

/**
 * The chat models that a provider most likely still sells, for a connection that names none: first the one that its
 * price list takes for the usual, then by price. Only those whose limits are known, which people looked up not long ago.
 */
export function likelyChatModels({ lists, sellers }: Pricing, provider: string): readonly string[] {
  const seller = sellers.get(provider)
  const models = lists.get(seller?.catalogue ?? provider)?.models ?? []
  const usual = seller?.default_model === undefined ? [] : [seller.default_model]
  const byPrice = models
    .filter((model) => model.max_output_tokens !== undefined && !otherKinds.test(model.id))
    .flatMap((model) => priced(model))
    .toSorted((a, b) => Number(a.nanoUsd - b.nanoUsd))
    .map(({ id }) => id)
  return [...new Set([...usual, ...byPrice])]
}

/** With what a million tokens in and out cost; a model that sells anything else is left out. */
function priced({ id, prices = [] }: ModelRecord): readonly { readonly id: string; readonly nanoUsd: bigint }[] {
  const { input, output } = prices.findLast((entry) => entry.service_tier === undefined)?.rates ?? {}
  return input === undefined || output === undefined ? [] : [{ id, nanoUsd: nanoFromUsd(input) + nanoFromUsd(output) }]
}
