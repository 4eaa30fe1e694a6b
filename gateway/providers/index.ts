import { compatible } from './compatible/compatible.ts'
import { openai } from './openai/openai.ts'
import type { ProviderAdapter } from './provider.ts'
import { sandbox } from './sandbox/sandbox.ts'

/** Every provider there is, by id. A new one is a folder and a line here. */
export const providers: ReadonlyMap<string, ProviderAdapter> = new Map(
  [openai, compatible, sandbox].map((provider) => [provider.id, provider]),
)
