import { isDimension } from './dimensions.ts'
import type { Filter } from './filters.ts'

/**
 * Reads `status:failed,truncated`: any of them. `feature:!chat` is all but that, `model:~mini` has it as a part, `user:`
 * says none. Commas and colons in a value are percent-encoded. `undefined` where it is no filter.
 */
export function filterOf(text: string): Filter | undefined {
  const colon = text.indexOf(':')
  const dimension = text.slice(0, colon)
  if (colon < 0 || !isDimension(dimension)) return undefined
  const [, negated, part, rest = ''] = /^(!?)(~?)(.*)$/s.exec(text.slice(colon + 1)) ?? []
  try {
    const values = rest.split(',').map((value) => (value === '' ? null : decodeURIComponent(value)))
    return { dimension, op: `${negated ? 'not_' : ''}${part ? 'contains' : 'in'}`, values }
  } catch {
    return undefined
  }
}
