import { chmod, lstat, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Clock } from '../../domain/clock.ts'
import { uuidV7 } from '../../domain/id.ts'
import { answerStream, answerWhole, type Form, type Name } from './answer.ts'
import { ApiError } from './api-error.ts'
import { chatForm } from './chat.ts'
import { type ChatRequest, chatRequestOf } from './chat-request.ts'
import { completionForm, completionRequestOf } from './completion.ts'
import { embeddingModels, embeddingsOf } from './embeddings.ts'
import { chatModels, Models } from './models.ts'

const bodyBytesMax = 32 * 1024 * 1024

export interface SandboxOptions {
  /** At most 107 bytes long; the folder is the caller's. */
  readonly socketPath: string
  readonly clock: Clock
}

export interface Sandbox {
  /** Ends what is being said, and removes the socket. */
  close(): Promise<void>
}

/**
 * Opens the provider in the box: a server that speaks OpenAI behind a unix socket of our own user. What its models say
 * is in models.ts; nothing of it is random, and no answer leaves this machine.
 */
export async function openSandbox({ socketPath, clock }: SandboxOptions): Promise<Sandbox> {
  const models = new Models()
  const server = createServer((request, response) => void serve(request, response, models, clock))
  // Longer than any client keeps an idle socket, so that none sends into one that we are closing.
  server.keepAliveTimeout = 65_000
  await removeStale(socketPath)
  await listen(server, socketPath)
  await chmod(socketPath, 0o600)
  return { close: () => close(server) }
}

async function serve(request: IncomingMessage, response: ServerResponse, models: Models, clock: Clock): Promise<void> {
  const at = clock.now()
  const id = uuidV7(at)
  response.setHeader('x-request-id', id)
  try {
    const body = await bodyOf(request)
    if (response.destroyed) return
    answer(request, body, response, models, { id, created: Math.floor(at / 1000) })
  } catch (thrown) {
    if (response.destroyed) return
    const error = thrown instanceof ApiError ? thrown : new ApiError(500, 'internal', 'The sandbox failed on this.')
    for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value)
    // The rest of a body that is too large is not worth reading.
    if (!request.complete) response.setHeader('connection', 'close')
    sendJson(response, error.status, error.body)
  }
}

const routes: Readonly<Record<string, 'GET' | 'POST'>> = {
  '/v1/models': 'GET',
  '/v1/chat/completions': 'POST',
  '/v1/completions': 'POST',
  '/v1/embeddings': 'POST',
}

function answer(request: IncomingMessage, body: Buffer, response: ServerResponse, models: Models, name: Name): void {
  const [path = ''] = (request.url ?? '').split('?')
  const method = routes[path]
  if (method === undefined) throw new ApiError(404, null, `Invalid URL (${request.method} ${path})`)
  if (method !== request.method) {
    response.setHeader('allow', method)
    throw new ApiError(405, 'method_not_allowed', `Not allowed to ${request.method} ${path}: it takes ${method}.`)
  }
  const asked = method === 'POST' ? parsed(body) : undefined
  if (path === '/v1/models') sendJson(response, 200, modelList(name.created))
  else if (path === '/v1/embeddings') sendJson(response, 200, embeddingsOf(asked))
  else if (path === '/v1/completions')
    generate(completionRequestOf(asked), completionForm(asked, name), response, models)
  else generate(chatRequestOf(asked), chatForm(name), response, models)
}

function generate(asked: ChatRequest, form: Form, response: ServerResponse, models: Models): void {
  const reply = models.reply(asked)
  if (reply.kind === 'error') throw reply.error
  if (reply.kind === 'silence') return
  if (asked.stream) answerStream(response, asked, reply, form)
  else answerWhole(response, asked, reply, form)
}

function modelList(created: number): object {
  const ids = [...chatModels, ...embeddingModels]
  return { object: 'list', data: ids.map((id) => ({ id, object: 'model', created, owned_by: 'sandbox' })) }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    throw new ApiError(400, 'invalid_json', 'The body is not valid JSON.')
  }
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

function bodyOf(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const refuse = () => reject(new ApiError(413, 'request_too_large', `The body has more than ${bodyBytesMax} bytes.`))
    if (Number(request.headers['content-length']) > bodyBytesMax) return refuse()
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= bodyBytesMax) chunks.push(chunk)
      else refuse()
    })
    request.once('end', () => resolve(Buffer.concat(chunks)))
    // The client went before it had said everything: nobody is there to be answered.
    request.once('error', reject)
  })
}

/** Removes the socket that a killed process left behind; never one that is in use, nor anything that is no socket. */
async function removeStale(socketPath: string): Promise<void> {
  const found = await lstat(socketPath).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket()) throw new Error(`${socketPath} is in the way: it is not a socket`)
  if (await answers(socketPath)) throw new Error(`${socketPath} is served by another process`)
  await rm(socketPath, { force: true })
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socketPath)
    probe.once('error', () => resolve(false))
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
  })
}

function listen(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
