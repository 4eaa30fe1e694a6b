import { hash } from 'node:crypto'
import type { Uuid } from './id.ts'

/** A UUIDv7 of this time that is always the same for the same name: whoever writes it down twice has it once. */
export function stableUuidV7(at: number, name: string): Uuid {
  const time = at.toString(16).padStart(12, '0')
  const digest = hash('sha256', name)
  const variant = (8 | (Number.parseInt(digest.slice(3, 4), 16) & 3)).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digest.slice(0, 3)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`
}
