import { readFile, stat } from 'node:fs/promises'
import { digestOf, fileBytesMax } from './read-file.ts'

/**
 * Notices that a file says something else, however that was brought about: written in place, renamed over, or behind a
 * symbolic link that was turned, as Kubernetes does. A file is taken for written when two looks find it the same, so that
 * the half of it which an editor has written by now does not pass for the whole.
 */
export class FileWatch {
  readonly #path: string
  /** Of the content that is known; `undefined`: there is no file. */
  #digest: string | undefined
  /** How the file looked when its content was taken, and at the last look. */
  #taken: string | undefined
  #seen: string | undefined

  constructor(path: string, digest: string | undefined) {
    this.#path = path
    this.#digest = digest
  }

  /** One look; to be had some times a second. Whether the content is another than the one that was known. */
  async changed(): Promise<boolean> {
    const { sight, regular } = await this.#look()
    const settled = sight === this.#seen
    this.#seen = sight
    if (!settled || sight === this.#taken) return false
    this.#taken = sight
    const digest = regular ? await this.#read() : digestWithout(sight)
    if (digest === this.#digest) return false
    this.#digest = digest
    return true
  }

  async #look(): Promise<{ readonly sight: string; readonly regular: boolean }> {
    try {
      const stats = await stat(this.#path, { bigint: true })
      const { dev, ino, size, mtimeNs, ctimeNs } = stats
      // Others are not read: a pipe would keep us waiting.
      return { sight: `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`, regular: stats.isFile() && size <= fileBytesMax }
    } catch (error) {
      return { sight: codeOf(error), regular: false }
    }
  }

  async #read(): Promise<string | undefined> {
    try {
      return digestOf(await readFile(this.#path))
    } catch (error) {
      return digestWithout(codeOf(error))
    }
  }
}

function codeOf(error: unknown): string {
  return String(error instanceof Error && 'code' in error ? error.code : error)
}

/** What cannot be read is a content of its own, except that there is none where there is no file. */
function digestWithout(sight: string): string | undefined {
  return sight === 'ENOENT' || sight === 'ENOTDIR' ? undefined : sight
}
