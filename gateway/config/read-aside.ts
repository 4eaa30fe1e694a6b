import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { ConfigurationError } from './problem.ts'
import type { DeclarationsInput, FileDeclarations } from './read-declarations.ts'
import type { Answer } from './worker.ts'

/** The largest file takes seconds and half of this; one that takes more is made to. */
const longestMs = 60_000
const heapMbMax = 512

/**
 * Reads the file in a thread of its own, which ends with it: a thousand connections are a fifth of a second of parsing
 * and checking, and every stream of the gateway would stand still for it. Throws a `ConfigurationError`.
 */
export async function readAside(input: DeclarationsInput, signal: AbortSignal): Promise<FileDeclarations> {
  const worker = new Worker(workerFile(import.meta.url), {
    workerData: plain(input),
    resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
  })
  worker.unref()
  const tooLong = AbortSignal.timeout(longestMs)
  try {
    const [answer]: Answer[] = await once(worker, 'message', { signal: AbortSignal.any([signal, tooLong]) })
    if (answer && 'declarations' in answer) return answer.declarations
    throw new ConfigurationError(answer?.problems ?? [])
  } catch (error) {
    throw tooLong.aborted ? new Error(`reading ${input.named ?? 'the file'} took more than ${longestMs} ms`) : error
  } finally {
    await worker.terminate()
  }
}

// Presets are providers to whom we hand them over, with functions, and an environment may be the process's own.
function plain({ env, providers, ...rest }: DeclarationsInput): DeclarationsInput {
  const presets = [...providers].map(([id, { baseUrl, credential }]) => [id, { baseUrl, credential }] as const)
  return { ...rest, env: { ...env }, providers: new Map(presets) }
}

/** From source the worker is a module among others, bundled it is a file of its own. */
function workerFile(here: string): URL {
  return new URL(here.endsWith('.ts') ? './worker.ts' : './config-worker.js', here)
}
