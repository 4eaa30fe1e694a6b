import { parentPort, workerData } from 'node:worker_threads'
import type { Problem } from './problem.ts'
import { type DeclarationsInput, type FileDeclarations, readDeclarations } from './read-declarations.ts'

/** What a thread that was given a `DeclarationsInput` says, once. */
export type Answer = { readonly problems: readonly Problem[] } | { readonly declarations: FileDeclarations }

const read = readDeclarations(workerData as DeclarationsInput)
const answer: Answer = 'problems' in read ? { problems: read.problems } : { declarations: read.declarations }
parentPort?.postMessage(answer)
