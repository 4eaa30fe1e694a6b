import type { Settings } from './domain/settings.ts'

/** Settings as they are in effect, and those that were changed and are not taken up before the next start. */
export interface SettingsInEffect {
  readonly settings: Settings
  /** By their names in the file. */
  readonly waiting: readonly string[]
}

/** A journal is opened for what it promises, and a folder for who writes to it: both stay what they were at the start. */
export function inEffect(next: Settings, started: Settings): SettingsInEffect {
  const { durability } = started.journal
  const { usageFolder } = started
  const waiting = [
    ...(next.journal.durability === durability ? [] : ['settings.journal.durability']),
    ...(next.usageFolder === usageFolder ? [] : ['settings.usage_sinks']),
  ]
  if (waiting.length === 0) return { settings: next, waiting }
  return { settings: { ...next, usageFolder, journal: { ...next.journal, durability } }, waiting }
}
