import { withoutNames } from '../../domain/nameless.ts'

/** What a row says of its error. */
export interface RowError {
  readonly attempt: number
  readonly error_code?: string | null
  readonly error_message?: string | null
}

/** The same to a row that loses these names. The code of a refusal is always one of ours. */
export function namelessError(row: RowError, names: readonly unknown[]): Omit<RowError, 'attempt'> {
  const without = (text: string | null | undefined) => (typeof text === 'string' ? withoutNames(text, names) : text)
  return {
    error_code: row.attempt === 0 ? row.error_code : without(row.error_code),
    error_message: without(row.error_message),
  }
}
