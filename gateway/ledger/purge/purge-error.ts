import { withoutNames } from '../../domain/nameless.ts'

type Text = string | null | undefined

/** What a row says of its error. */
export interface RowError {
  readonly attempt: number
  readonly error_code?: Text
  readonly error_message?: Text
}

/** The same to a row that loses these names. The code of a refusal is always one of ours. */
export function namelessError(row: RowError, names: readonly unknown[]): Omit<RowError, 'attempt'> {
  const without = (text: Text) => (typeof text === 'string' ? withoutNames(text, names) : text)
  return {
    error_code: row.attempt === 0 ? row.error_code : without(row.error_code),
    error_message: without(row.error_message),
  }
}
