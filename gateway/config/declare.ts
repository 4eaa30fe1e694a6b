import { resolve } from 'node:path'
import type { Declared } from '../catalog/catalog.ts'
import type { Connection, Timeouts } from '../domain/connection.ts'
import type { Key } from '../domain/key.ts'
import { nanoFromUsd, nanoUsd } from '../domain/money.ts'
import type { Settings } from '../domain/settings.ts'
import type { ConnectionEntry, FileContent, KeyEntry, SettingsEntry } from './file-schema.ts'
import type { Preset } from './finding.ts'
import { limitsIn, ruleOf } from './limited.ts'
import { modelPatterns } from './model-patterns.ts'
import { momentMs } from './scalars.ts'
import { secretHash } from './secret-hash.ts'
import { sectionsOf } from './sections.ts'

/** A tenant, as declared. */
export interface Organisation {
  readonly id: string
  readonly name: string
  readonly timezone: string
  readonly weekStarts: 'monday' | 'saturday' | 'sunday'
}

/** A user known before its first call. */
export interface User {
  readonly id: string
  readonly org: string
}

/** What a connection is where nothing else is said. */
export type ConnectionDefaults = Omit<Connection, 'id' | 'provider' | 'baseUrl'>

export interface Declarations {
  readonly declared: Declared
  readonly organisations: readonly Organisation[]
  readonly users: readonly User[]
  readonly connectionDefaults: ConnectionDefaults
}

const jsonBodyBytesMax = 32 * 1024 * 1024

/** The content with the presets' addresses where connections leave them to those. */
export function withAddresses(content: FileContent, providers: ReadonlyMap<string, Preset>): FileContent {
  const connections = content.connections.map((entry) => ({
    ...entry,
    base_url: entry.base_url ?? providers.get(entry.provider)?.baseUrl,
  }))
  return { ...content, connections }
}

/** What the environment says that the file's values go by. */
export interface Around {
  /** Of organisations that name none. */
  readonly timezone: string
  /** Absolute; folders in the file are relative to it. */
  readonly dataDir: string
}

/** Makes the domain's values of content that was found in order. */
export function declare(content: FileContent, { timezone, dataDir }: Around): Declarations {
  const connectionDefaults = defaultsOf(content.settings)
  const organisations = content.organisations.map((entry) => ({
    id: entry.id,
    name: entry.name ?? entry.id,
    timezone: entry.timezone ?? timezone,
    weekStarts: entry.week_starts,
  }))
  const zones = new Map(organisations.map((organisation) => [organisation.id, organisation.timezone]))
  return {
    declared: {
      connections: content.connections.map((entry) => connectionFrom(entry, connectionDefaults)),
      keys: content.keys.map((entry) => keyFrom(entry, zones.get(entry.org) ?? timezone)),
      limits: limitsIn(sectionsOf(content)).map(ruleOf),
      models: new Map(Object.entries(content.models)),
      settings: settingsFrom(content.settings, dataDir),
    },
    organisations,
    users: content.users,
    connectionDefaults,
  }
}

function defaultsOf(settings: SettingsEntry): ConnectionDefaults {
  const { timeouts } = settings
  return {
    apiKey: undefined,
    apiVersion: undefined,
    headers: {},
    priority: 10,
    weight: 1,
    models: [],
    status: 'active',
    allowPrivateNetwork: false,
    trackUsage: undefined,
    timeouts: {
      connectMs: timeouts.connect_ms,
      firstByteMs: timeouts.first_byte_ms,
      firstTokenMs: timeouts.first_token_ms,
      idleMs: timeouts.idle_ms,
      totalMs: timeouts.total_ms,
    },
    onClientAbort: settings.on_client_abort,
    retryAmbiguous: settings.retry_ambiguous,
  }
}

export function connectionFrom(entry: ConnectionEntry, defaults: ConnectionDefaults): Connection {
  const { base_url: baseUrl } = entry
  if (baseUrl === undefined) throw new Error(`connection ${entry.id} has no address, which should have been found out`)
  return {
    id: entry.id,
    provider: entry.provider,
    baseUrl: baseUrl.replace(/\/+$/, ''),
    apiKey: entry.api_key,
    apiVersion: entry.api_version,
    headers: entry.headers ?? {},
    priority: entry.priority,
    weight: entry.weight,
    models: modelPatterns(entry.models),
    status: entry.status,
    allowPrivateNetwork: entry.allow_private_network,
    trackUsage: entry.track_usage ?? undefined,
    timeouts: timeoutsFrom(entry.timeouts ?? {}, defaults.timeouts),
    onClientAbort: entry.on_client_abort ?? defaults.onClientAbort,
    retryAmbiguous: entry.retry_ambiguous ?? defaults.retryAmbiguous,
  }
}

function timeoutsFrom(own: NonNullable<ConnectionEntry['timeouts']>, otherwise: Timeouts): Timeouts {
  return {
    connectMs: own.connect_ms ?? otherwise.connectMs,
    firstByteMs: own.first_byte_ms ?? otherwise.firstByteMs,
    firstTokenMs: own.first_token_ms ?? otherwise.firstTokenMs,
    idleMs: own.idle_ms ?? otherwise.idleMs,
    totalMs: own.total_ms ?? otherwise.totalMs,
  }
}

function keyFrom(entry: KeyEntry, timezone: string): Key {
  const hash = secretHash(entry)
  if (hash === undefined) throw new Error(`key ${entry.id} has no secret, which should have been found out`)
  return {
    id: entry.id,
    hash,
    org: entry.org,
    user: entry.user,
    feature: entry.feature,
    models: entry.models,
    allowClientIdentity: entry.allow_client_identity,
    trackUsage: entry.track_usage ?? undefined,
    expiresAt: entry.expires_at === undefined ? undefined : momentMs(entry.expires_at, timezone),
  }
}

function settingsFrom(entry: SettingsEntry, dataDir: string): Settings {
  return {
    defaultPricePerMtok: nanoUsd(Number(nanoFromUsd(String(entry.default_price_usd_per_mtok)))),
    chargeBy: entry.charge_by,
    chargeOnUpstreamError: entry.charge_on_upstream_error,
    affinity: entry.affinity === 'on',
    pingAfterMs: entry.ping_after_ms,
    health: {
      windowMs: entry.health.window_s * 1000,
      attemptsMin: entry.health.attempts_min,
      successPercent: entry.health.success_percent,
      errorsInARow: entry.health.errors_in_a_row,
    },
    jsonBodyBytesMax,
    trackUsage: entry.track_usage,
    journal: { durability: entry.journal.durability, onLoss: entry.journal.on_loss },
    retention: { rowsDays: entry.retention.rows_days, rollupsDays: entry.retention.rollups_days },
    usageFolder: usageFolderFrom(entry, dataDir),
  }
}

/** Beside the journal and not beside the file: what is configured may be read-only, what is written may not. */
function usageFolderFrom({ usage_sinks: sinks }: SettingsEntry, dataDir: string): string | undefined {
  const [folder] = sinks.flatMap((sink) => (sink === 'postgres' ? [] : [sink.jsonl]))
  return folder === undefined ? undefined : resolve(dataDir, folder)
}
