import type { IncomingMessage } from 'node:http'
import { Fault } from '../domain/fault.ts'

/** Reads a request's body whole; one that is too large is refused by its word, before it is sent, or as it comes. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > bytesMax) return Promise.reject(tooLarge(bytesMax))
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    const message = `Request bodies are taken uncompressed; this one is encoded as '${encoding}'.`
    return Promise.reject(new Fault('unsupported_media_type', message))
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    // Not `once`, here and below, which makes three more objects for events that come once by themselves.
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bytesMax) chunks.push(chunk)
      else {
        request.removeAllListeners('data')
        request.resume()
        reject(tooLarge(bytesMax))
      }
    })
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, bytes)))
    request.on('error', (cause) => reject(new Fault('client_closed', 'The client left.', { cause })))
    // Comes after every request, the whole ones too: only an unfinished one is worth a Fault with its stack.
    request.on('close', () => {
      if (!request.complete) reject(new Fault('client_closed', 'The client left.'))
    })
  })
}

function tooLarge(bytesMax: number): Fault {
  return new Fault('request_too_large', `The request body is larger than ${bytesMax / 1024 / 1024} MiB.`)
}

/**
 * JSON is what we read. curl calls every body a form unless told otherwise, so a "form" is let through here; whether it
 * is JSON after all is for the parser to say.
 */
export function demandJson(request: IncomingMessage): void {
  const type = request.headers['content-type']
  if (type !== undefined && /^application\/(([\w.+-]+\+)?json|x-www-form-urlencoded)\b/i.test(type)) return
  const got = type === undefined ? 'none' : `'${type.slice(0, 80)}'`
  throw new Fault('unsupported_media_type', `The content type has to be application/json; this request has ${got}.`)
}
