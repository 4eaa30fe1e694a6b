/** What a dimension is called where sums are kept by it, and where rows are. */
interface Place {
  /** An expression over `tollgate.series`; missing where sums do not know it. */
  readonly series?: string
  /** An expression over `tollgate.usage`. */
  readonly usage: string
}

const label = (column: string): Place => ({ series: `series.${column}`, usage: `usage.${column}` })
const flag = (column: string): Place => ({ series: `series.${column}::text`, usage: `usage.${column}::text` })

/** By what usage is filtered and broken down. Each is a text, or NULL where a row does not say. */
const places = {
  org: label('org_id'),
  key: label('key_id'),
  user: label('user_id'),
  connection: label('connection_id'),
  provider: label('provider'),
  model: label('model'),
  requested_model: {
    series: 'series.requested_model',
    usage: 'tollgate.model_label(usage.attempt, usage.error_code, usage.requested_model)',
  },
  feature: label('feature'),
  agent: label('agent_id'),
  agent_name: label('agent_name'),
  framework: label('framework'),
  request_type: label('request_type'),
  stream: flag('stream'),
  usage_source: label('usage_source'),
  status: label('status'),
  success: { series: "(series.status = 'complete')::text", usage: "(usage.status = 'complete')::text" },
  error_code: label('error_code'),
  session: { usage: 'usage.session_id' },
  group: { usage: 'usage.group_name' },
} as const satisfies Record<string, Place>

type NamedDimension = keyof typeof places

/** `metadata.<key>`: what callers wrote into a call's metadata under that key. */
export type Dimension = NamedDimension | `metadata.${string}`

export const dimensions = Object.keys(places) as readonly NamedDimension[]

const metadataPrefix = 'metadata.'

export function isDimension(text: string): text is Dimension {
  return Object.hasOwn(places, text) || (text.startsWith(metadataPrefix) && text.length > metadataPrefix.length)
}

/** Where to find it. A key of metadata is a value like any other: it stands in no statement, but beside it. */
export function placeOf(dimension: Dimension): Place | { readonly metadata: string } {
  if (dimension.startsWith(metadataPrefix)) return { metadata: dimension.slice(metadataPrefix.length) }
  return places[dimension as NamedDimension]
}

/** Whether only rows know it. */
export function isOfRows(dimension: Dimension): boolean {
  const place = placeOf(dimension)
  return !('series' in place)
}
