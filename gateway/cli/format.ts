import { usdFromNano } from '../domain/money.ts'

/** `850 ms`, `12 s`, `4 min`, `3 h`: as much as is worth knowing. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${(ms / 1_000).toLocaleString('en-US', { maximumFractionDigits: ms < 10_000 ? 1 : 0 })} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`
}

/** `4 min ago`, `never`. */
export function ago(at: Date | undefined, now: number): string {
  if (at === undefined) return 'never'
  const seconds = Math.round((now - at.getTime()) / 1_000)
  if (seconds < 1) return 'just now'
  return seconds < 172_800 ? `${duration(seconds * 1_000)} ago` : `${Math.floor(seconds / 86_400)} d ago`
}

/** `97.1 %`, and above 99 two decimals. What is not all of it is never shown as 100 %. */
export function percent(share: number): string {
  const places = share >= 0.99 ? 100 : 10
  return `${Math.floor(share * 100 * places + 1e-9) / places} %`
}

/** `1.2 GB`, by thousands, as disks are sold. */
export function size(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1)
  return `${(bytes / 1_000 ** step).toLocaleString('en-US', { maximumFractionDigits: 1 })} ${units[step]}`
}

/** Exact: the sum of what is shown is what is charged. */
export function usd(nano: number | undefined): string {
  return nano === undefined ? '—' : `$${usdFromNano(nano)}`
}

export function count(number: number | undefined): string {
  return number === undefined ? '—' : number.toLocaleString('en-US')
}

/** `1 key`, `2 keys`. */
export function counted(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? '' : 's'}`
}

/** The first few, and how many more there are. */
export function fewOf(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ')
  return names.length > 3 ? `${shown} +${names.length - 3}` : shown
}

/** `1 row`, `2,000 rows`. */
export function rowsInWords(rows: number): string {
  return `${count(rows)} row${rows === 1 ? '' : 's'}`
}
