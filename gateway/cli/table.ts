import { paint, plain, type Style } from './output.ts'

/** A text, and how it stands out. What is styled is measured before. */
export type Cell = string | { readonly text: string; readonly style: Style }

export interface Column {
  readonly head: string
  readonly align?: 'right'
  /** Reserved, for rows that come later. */
  readonly widthMin?: number
  /** What is longer is cut. */
  readonly widthMax?: number
}

const widthMax = 48

/** Aligned columns under their heads. */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[]): string {
  return growingTable(columns)(rows)
}

/** A table whose rows come in batches: heads once, and a column that grew stays grown. */
export function growingTable(columns: readonly Column[]): (rows: readonly (readonly Cell[])[]) => string {
  const widths = columns.map(({ head, widthMin = 0 }) => Math.max(head.length, widthMin))
  let begun = false
  return (rows) => {
    const heads = begun ? [] : [columns.map(({ head }): Cell => ({ text: head, style: 'dim' }))]
    begun = true
    const cut = [...heads, ...rows].map((row) => columns.map((column, i) => fitted(row[i] ?? '', column)))
    for (const row of cut) for (const [i, { text }] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, text.length)
    return cut.map((row) => line(row, columns, widths)).join('\n')
  }
}

interface Styled {
  readonly text: string
  readonly style: Style | undefined
}

function fitted(cell: Cell, { widthMax: max = widthMax }: Column): Styled {
  const { text, style } = typeof cell === 'string' ? { text: cell, style: undefined } : cell
  const whole = plain(text)
  return { text: whole.length > max ? `${whole.slice(0, max - 1)}…` : whole, style }
}

function line(row: readonly Styled[], columns: readonly Column[], widths: readonly number[]): string {
  const cells = row.map(({ text, style }, i) => {
    const space = ' '.repeat(Math.max(0, (widths[i] ?? 0) - text.length))
    const shown = style === undefined ? text : paint(style, text)
    return columns[i]?.align === 'right' ? `${space}${shown}` : `${shown}${space}`
  })
  return cells.join('  ').trimEnd()
}
