import { realpathSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { z } from 'zod'
import type { Configuration } from '../config.ts'
import { CommandFailure, type Exit, exits } from './output.ts'

const answerBytesMax = 16 * 1024 * 1024

export interface Question<Schema extends z.ZodType> {
  readonly method?: 'GET' | 'POST'
  readonly path: string
  readonly body?: Readonly<Record<string, unknown>>
  readonly answer: Schema
  readonly patienceMs?: number
}

const placesInBody = z.array(z.object({ pointer: z.string(), detail: z.string() }))
type PlaceInBody = z.output<typeof placesInBody>[number]

/** The gateway said no, by one of its codes. */
export class ControlProblem extends CommandFailure {
  readonly code: string
  /** Where in the body something is wrong. */
  readonly errors: readonly PlaceInBody[]

  constructor(code: string, message: string, exit: Exit, errors: readonly PlaceInBody[] = []) {
    super(exit, message)
    this.name = 'ControlProblem'
    this.code = code
    this.errors = errors
  }
}

/**
 * Asks the gateway that runs on this data directory, through its control socket; `undefined` where none runs. Who may
 * open the socket is the owner, so nothing else is shown.
 */
export async function askControl<Schema extends z.ZodType>(
  { dataDir }: Pick<Configuration, 'dataDir'>,
  { method = 'GET', path, body, answer, patienceMs = 10_000 }: Question<Schema>,
): Promise<z.output<Schema> | undefined> {
  const socketPath = socketIn(dataDir)
  if (socketPath === undefined) return undefined
  const got = await exchange(socketPath, method, path, body, patienceMs)
  if (got === undefined) return undefined
  const { status, document } = got
  if (status >= 400) throw problemIn(document)
  const read = answer.safeParse(document)
  if (read.success) return read.data
  throw new CommandFailure(exits.failure, 'the gateway answered in a way that this release does not know', {
    fix: 'is it of another release? tollgate doctor says so',
  })
}

/** Where the data directory's path is too long for a socket, the name there is a link to it. */
function socketIn(dataDir: string): string | undefined {
  try {
    return realpathSync(join(dataDir, 'control.sock'))
  } catch {
    return undefined
  }
}

interface Got {
  readonly status: number
  readonly document: unknown
}

function exchange(
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
  patienceMs: number,
): Promise<Got | undefined> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(patienceMs)
    const headers = { 'content-type': 'application/json' }
    const asked = request({ socketPath, method, path, headers, signal }, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > answerBytesMax) asked.destroy(new Error('its answer is too long'))
        else chunks.push(chunk)
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, document: parsed(Buffer.concat(chunks)) }))
      response.on('error', (error) => reject(failed(error)))
    })
    asked.on('error', (error) => {
      // A gateway that was killed leaves its socket behind.
      if ('code' in error && (error.code === 'ECONNREFUSED' || error.code === 'ENOENT')) resolve(undefined)
      else reject(failed(error))
    })
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function failed(error: Error): CommandFailure {
  if ('code' in error && (error.code === 'EACCES' || error.code === 'EPERM')) {
    return new CommandFailure(exits.unreachable, "the gateway's control socket is not ours to open", {
      fix: 'run this as the user that the gateway runs as',
    })
  }
  const why = error.name === 'TimeoutError' || error.name === 'AbortError' ? 'it did not answer in time' : error.message
  return new CommandFailure(exits.unreachable, 'the gateway could not be asked', { why, cause: error })
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}

const exitsByCode: Readonly<Record<string, Exit>> = {
  connection_not_found: exits.notFound,
  model_required: exits.wrongUse,
  shutting_down: exits.unreachable,
}

function problemIn(document: unknown): ControlProblem {
  const { code = '', detail, errors } = (document ?? {}) as Readonly<Record<'code' | 'detail' | 'errors', unknown>>
  const known = String(code)
  const message = typeof detail === 'string' ? detail : 'the gateway refused this'
  return new ControlProblem(known, message, exitsByCode[known] ?? exits.failure, placesInBody.safeParse(errors).data)
}
