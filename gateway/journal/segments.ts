import { close, fdatasync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Clock } from '../domain/clock.ts'
import type { Uuid } from '../domain/id.ts'
import type { JournalLog } from './journal.ts'
import { syncFolder } from './sync-folder.ts'

/** One file of a journal, appended to until it is sealed. */
export interface Segment {
  readonly number: number
  readonly path: string
  readonly createdMs: number
  /** Bytes of whole records. What a failed write left behind them does not count. */
  bytes: number
  /** Its rows that are in memory and not yet delivered, each as often as there are sinks to get it. */
  waiting: number
}

/** Where lines went; or why they did not, and whether some of them may lie there all the same. */
export type Appended =
  | { readonly segment: Segment }
  | { readonly segment: undefined; readonly cause: unknown; readonly remains: boolean }

interface OpenFile {
  readonly segment: Segment
  readonly fd: number
  /** Its name is on the disk itself. */
  listed: boolean
  /** Something was written since the last fdatasync began. */
  unsynced: boolean
  /** The fdatasync that began last; whether it succeeded. Until it ends, the descriptor may not be closed. */
  syncing: Promise<boolean>
  /** The one after it, where somebody waits for it. */
  upcoming: Promise<boolean> | undefined
}

/** What the disk does not do. */
export interface DiskFailure {
  readonly operation: 'write' | 'fdatasync'
  /** `ENOSPC`, `EIO`. */
  readonly code: string
}

export interface SegmentSettings {
  readonly dir: string
  readonly boot: Uuid
  readonly clock: Clock
  readonly log: JournalLog
  readonly segmentBytesMax: number
  /** A segment is sealed at this age, so that what is delivered leaves the disk on a quiet gateway too. */
  readonly segmentAgeMsMax: number
  readonly syncEveryMs: number
}

const fdatasyncOf = promisify(fdatasync)
const closeOf = promisify(close)

/** The files of this process's own journal: `<boot>-<n>.log`, oldest first. */
export class Segments {
  readonly #settings: SegmentSettings
  readonly #all: Segment[] = []
  readonly #closing = new Set<Promise<void>>()
  #current: OpenFile | undefined
  #made = 0
  #syncTimer: NodeJS.Timeout | undefined
  #ageTimer: NodeJS.Timeout | undefined
  /** Called when a segment was sealed for its age. */
  onSealed: () => void = () => {}
  writeErrors = 0
  syncErrors = 0
  /** Segments that were given up. */
  left = 0
  /** What failed last and has not succeeded since. */
  failing: DiskFailure | undefined

  constructor(settings: SegmentSettings) {
    this.#settings = settings
  }

  get all(): readonly Segment[] {
    return this.#all
  }

  get current(): Segment | undefined {
    return this.#current?.segment
  }

  after(segment: Segment): Segment | undefined {
    return this.#all.find((candidate) => candidate.number > segment.number)
  }

  /** Hands whole lines to the kernel. Where it does not take all of them, none counts. */
  append(lines: Uint8Array): Appended {
    let file: OpenFile | undefined
    let done = 0
    try {
      file = this.#roomFor(lines.length)
      // libuv itself resumes what a signal interrupted; a short write (the disk is nearly full) is ours to go on with.
      while (done < lines.length) done += writeSync(file.fd, lines, done, lines.length - done)
    } catch (cause) {
      const remains = file !== undefined && !this.#repair(file, cause) && done > 0
      this.#failed('write', cause)
      return { segment: undefined, cause, remains }
    }
    file.segment.bytes += lines.length
    if (this.failing?.operation === 'write') this.#recovered()
    if (!file.unsynced) {
      file.unsynced = true
      this.#syncTimer ??= setTimeout(this.#sync, this.#settings.syncEveryMs).unref()
    }
    return { segment: file.segment }
  }

  #roomFor(bytes: number): OpenFile {
    const file = this.#current
    if (file) {
      if (file.segment.bytes === 0 || file.segment.bytes + bytes <= this.#settings.segmentBytesMax) return file
      this.seal()
    }
    return this.#create()
  }

  #create(): OpenFile {
    const { dir, boot, clock, segmentAgeMsMax } = this.#settings
    const number = this.#made++
    const path = join(dir, `${boot}-${number}.log`)
    const fd = openSync(path, 'ax', 0o600)
    const segment = { number, path, createdMs: clock.elapsed(), bytes: 0, waiting: 0 }
    this.#all.push(segment)
    const syncing = Promise.resolve(true)
    this.#current = { segment, fd, listed: false, unsynced: false, syncing, upcoming: undefined }
    this.#ageTimer = setTimeout(() => {
      this.seal()
      this.onSealed()
    }, segmentAgeMsMax).unref()
    return this.#current
  }

  /**
   * After a failed write: the next record must begin a line, so the torn one is cut off, or its segment left behind.
   * Returns whether it is off the disk.
   */
  #repair(file: OpenFile, error: unknown): boolean {
    try {
      ftruncateSync(file.fd, file.segment.bytes)
    } catch {
      this.seal()
      return false
    }
    // A full disk may have room again; any other failure may be the file's own.
    if (codeOf(error) !== 'ENOSPC' && codeOf(error) !== 'EDQUOT') this.seal()
    return true
  }

  /** Ends the current segment; the next write begins another. */
  seal(): void {
    const file = this.#current
    if (!file) return
    this.#current = undefined
    clearTimeout(this.#ageTimer)
    const closing = this.#syncOf(file)
      .then(() => closeOf(file.fd))
      .catch((error: unknown) => this.#failed('fdatasync', error))
      .finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
    if (file.segment.bytes === 0) void this.remove(file.segment)
  }

  /**
   * Resolves when all that was written so far is on the disk itself; to `false` where the disk says that it is not. One
   * fdatasync for all who ask while the one before it is under way.
   */
  async sync(): Promise<boolean> {
    return this.#current ? this.#syncOf(this.#current) : true
  }

  readonly #sync = (): void => {
    this.#syncTimer = undefined
    void this.sync()
  }

  #syncOf(file: OpenFile): Promise<boolean> {
    if (!file.unsynced) return file.syncing
    file.upcoming ??= file.syncing.then(() => {
      file.upcoming = undefined
      file.unsynced = false
      file.syncing = this.#fdatasync(file)
      return file.syncing
    })
    return file.upcoming
  }

  async #fdatasync(file: OpenFile): Promise<boolean> {
    try {
      await fdatasyncOf(file.fd)
      if (!file.listed) await syncFolder(this.#settings.dir)
      file.listed = true
      if (this.failing?.operation === 'fdatasync') this.#recovered()
      return true
    } catch (error) {
      // The kernel may have dropped what it could not write, and says so once. What is lost to a machine crash now is
      // still delivered by this process; what comes next goes to a fresh file.
      if (this.#current === file) this.seal()
      this.#failed('fdatasync', error)
      return false
    }
  }

  /** Takes a sealed segment off the disk: everything in it is delivered. */
  async remove(segment: Segment): Promise<void> {
    this.#forget(segment)
    try {
      await unlink(segment.path)
    } catch (error) {
      // The next start will deliver it again, which changes nothing.
      this.#settings.log.warn({ error, segment: segment.path }, 'a delivered journal segment could not be removed')
    }
  }

  /** Gives a segment up that cannot be read: it stays on disk for the next start to try. */
  leave(segment: Segment): void {
    if (this.current === segment) this.seal()
    this.#forget(segment)
    this.left++
  }

  #forget(segment: Segment): void {
    const index = this.#all.indexOf(segment)
    if (index >= 0) this.#all.splice(index, 1)
  }

  /** Seals, and returns when all that was written is on the disk itself. */
  async close(): Promise<void> {
    clearTimeout(this.#syncTimer)
    this.seal()
    await Promise.all(this.#closing)
  }

  #recovered(): void {
    this.failing = undefined
    this.#settings.log.info({}, 'the journal can be written again')
  }

  #failed(operation: 'write' | 'fdatasync', error: unknown): void {
    if (operation === 'write') this.writeErrors++
    else this.syncErrors++
    if (this.failing?.operation === operation) return
    this.failing = { operation, code: codeOf(error) }
    this.#settings.log.error({ error, operation }, 'the journal cannot be written')
  }
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown }
  return typeof code === 'string' ? code : 'unknown'
}
