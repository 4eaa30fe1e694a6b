/** Options that several commands have, so that they read the same everywhere. */
export const jsonOption = { type: 'boolean', description: 'One JSON document, with keys that stay' } as const

export const urlOption = {
  type: 'string',
  valueHint: 'http://host:port',
  description: 'Where the gateway answers; without it TOLLGATE_URL, else what the data directory says',
} as const
