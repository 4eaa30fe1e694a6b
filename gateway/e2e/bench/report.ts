/** The figures as tables. */
import type { Spread } from './figures.ts'
import type { Results } from './measure.ts'
import type { PartFigure } from './micro.ts'
import type { Summary } from './summary.ts'

export function report(results: Results | undefined): string {
  if (results === undefined) return ''
  const { where, subject, summaries, memory } = results
  const parts = [
    where.join('\n'),
    cpuTable(summaries, subject),
    latencyTable(summaries, subject),
    memoryTable(memory, subject),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

export function partsTable(parts: readonly PartFigure[]): string {
  if (parts.length === 0) return ''
  const rows = parts.map(({ title, us, aim }) => [title, us === undefined ? 'not measured' : exact(us), aim])
  return `${table([['microseconds each', 'one core', 'aim'], ...rows])}\n`
}

function cpuTable(summaries: readonly Summary[], subject: string): string {
  const rows = summaries.map(({ title, unit, cpu, aim }) => {
    const name = `${title}: ${unit}`
    if (cpu === undefined) return [name, 'not measured', 'not measured', '', '', aim.cpu ?? '']
    return [name, amount(cpu.bare), amount(cpu.subject), exact(cpu.ratio), exact(cpu.noise), aim.cpu ?? '']
  })
  return table([['load', 'bare', subject, `${subject} : bare`, 'bare : bare', 'aim'], ...rows])
}

function latencyTable(summaries: readonly Summary[], subject: string): string {
  const rows = summaries.flatMap(({ title, latency, aim }) => {
    if (latency === undefined) return []
    const { of, direct, bare, subject } = latency
    return (['p50', 'p95'] as const).map((q) => [
      `${title}: ${of}, ${q}`,
      exact(direct[q]),
      exact(bare[q]),
      exact(subject[q]),
      q === 'p50' ? (aim.latency ?? '') : '',
    ])
  })
  if (rows.length === 0) return ''
  return table([['milliseconds', 'direct', 'added by bare', `added by ${subject}`, 'aim'], ...rows])
}

function memoryTable(memory: Results['memory'], subject: string): string {
  const rows = memory.map(({ when, bare, subject, aim }) => [when, mebibytes(bare), mebibytes(subject), aim])
  return table([['memory (PSS)', 'bare', subject, 'aim'], ...rows])
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  const [heading = [], ...rest] = rows
  return [line(heading), widths.map((width) => '-'.repeat(width)).join('  '), ...rest.map(line)].join('\n')
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? 'not measured' : `${Math.round(bytes / 1024 ** 2)} MiB`
}

function amount({ median, min, max }: Spread): string {
  const digits = median < 1000 ? 1 : 0
  const text = (value: number) => value.toLocaleString('en', { maximumFractionDigits: digits })
  return `${text(median)} (${text(min)}–${text(max)})`
}

function exact({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`
}
