/** A name that users of another gateway may send, and why it says nothing here. */
export interface IgnoredName {
  /** A header in lower case (`*` ends a prefix), or a member of the request body. */
  readonly name: string
  readonly in: 'header' | 'body'
  readonly of: string
  readonly why: string
}

const header = (of: string, why: string, names: readonly string[]): readonly IgnoredName[] =>
  names.map((name) => ({ name, in: 'header', of, why }))
const body = (of: string, why: string, names: readonly string[]): readonly IgnoredName[] =>
  names.map((name) => ({ name, in: 'body', of, why }))

const routing = 'Routes and fallbacks are declared: `connections` with priorities, and `models` with fallbacks.'
const caching = 'Answers are not cached.'
const prices = 'Prices are set by admins.'
const policies = 'Limits are set by admins.'
const contents = 'Prompts and answers are never stored, so there is nothing to take out.'
const untouched = "It is in the body, which goes to the provider as it is; the provider's word on it stands."
const waiting = 'Another attempt goes to another connection, at once.'
const providerKeys = 'It names a credential of a provider; here those belong to connections.'

/** Names of the gateways of `aliases.ts` that are passed over. None of the headers is sent upstream. */
export const ignoredNames: readonly IgnoredName[] = [
  ...header('LiteLLM', contents, ['x-litellm-enable-message-redaction']),
  ...body('LiteLLM', untouched, ['fallbacks', 'num_retries', 'no-log', 'cache', 'input_cost_per_token']),
  ...header('Portkey', routing, ['x-portkey-config', 'x-portkey-provider', 'x-portkey-custom-host']),
  ...header('Portkey', providerKeys, ['x-portkey-virtual-key']),
  ...header('Portkey', caching, ['x-portkey-cache', 'x-portkey-cache-namespace', 'x-portkey-cache-force-refresh']),
  ...header('Helicone', routing, ['helicone-fallbacks', 'helicone-target-url', 'helicone-openai-api-base']),
  ...header('Helicone', waiting, ['helicone-retry-factor', 'helicone-retry-min-timeout', 'helicone-retry-max-timeout']),
  ...header('Helicone', caching, ['helicone-cache-enabled', 'helicone-cache-bucket-max-size', 'helicone-cache-seed']),
  ...header('Helicone', policies, ['helicone-ratelimit-policy']),
  ...header('Helicone', 'A session has an id and nothing else.', ['helicone-session-name', 'helicone-session-path']),
  ...header('Helicone', prices, ['helicone-model-override']),
  ...header('Helicone', 'Ids of requests are ours; yours, in `x-request-id`, is given back.', ['helicone-request-id']),
  ...header('Cloudflare', waiting, ['cf-aig-backoff', 'cf-aig-retry-delay']),
  ...header('Cloudflare', caching, ['cf-aig-cache-ttl', 'cf-aig-skip-cache', 'cf-aig-cache-key']),
  ...header('Cloudflare', prices, ['cf-aig-custom-cost']),
  ...body('OpenRouter', untouched, ['models', 'provider']),
  ...body('Bifrost', untouched, ['fallbacks']),
  ...body('TensorZero', untouched, [
    'tensorzero::tags',
    'tensorzero::episode_id',
    'tensorzero::variant_name',
    'tensorzero::cache_options',
  ]),
  ...body('OpenAI', 'It is about what the provider stores; here prompts and answers never are.', ['store']),
]
