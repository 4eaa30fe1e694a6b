import { type Around, type Declarations, declare, withAddresses } from './declare.ts'
import type { ConfigDocument } from './document.ts'
import type { FileContent } from './file-schema.ts'
import type { Place, Problem } from './problem.ts'
import { type FileInput, readConfigFile } from './read-file.ts'

export interface DeclarationsInput extends FileInput, Around {}

/** What the file declares: plain values throughout, which one thread can hand to another. */
export interface FileDeclarations extends Declarations {
  /** Absolute; `undefined` where there is none. */
  readonly configFile: string | undefined
  /** Where the file is or would be, and the digest of what was read there. */
  readonly file: { readonly path: string; readonly digest: string | undefined }
  /** Where each declared connection stands, by its id. */
  readonly connectionPlaces: ReadonlyMap<string, Place>
}

export type ReadDeclarations =
  | { readonly problems: readonly Problem[] }
  | { readonly declarations: FileDeclarations; readonly content: FileContent; readonly document: ConfigDocument }

export function readDeclarations(input: DeclarationsInput): ReadDeclarations {
  const { path, digest, document, ...read } = readConfigFile(input)
  if (read.content === undefined || read.problems.length > 0) return { problems: read.problems }
  const content = withAddresses(read.content, input.providers)
  const declarations = {
    configFile: digest === undefined ? undefined : path,
    file: { path, digest },
    connectionPlaces: new Map(
      content.connections.map(({ id }, index) => [id, document.place(['connections', index])] as const),
    ),
    ...declare(content, input),
  }
  return { declarations, content, document }
}
