/**
 * A mock of the OpenAI API, as cheap as Node allows: a raw socket, answers made beforehand. Its requests steer it by
 * members that every gateway passes on untouched: `max_tokens` is how many events a stream has, `seed`, where present,
 * the milliseconds between them.
 */
import { createServer, type Socket } from 'node:net'
import { announce } from './announce.ts'
import { chatAnswer, embeddingsAnswer, notFoundAnswer, streamAnswer } from './answers.ts'
import { MessageReader } from './message-reader.ts'

const server = createServer({ noDelay: true }, (socket) => {
  let route = ''
  let body: Buffer | undefined
  const reader = new MessageReader({
    head: (text) => {
      route = text.slice(0, text.indexOf(' HTTP/'))
      body = undefined
    },
    body: (bytes, start, end) => {
      const part = bytes.subarray(start, end)
      body = body === undefined ? part : Buffer.concat([body, part])
    },
    end: () => answer(socket, route, body ?? Buffer.alloc(0)),
  })
  socket.on('data', (bytes: Buffer) => {
    try {
      reader.write(bytes)
    } catch {
      // No HTTP: who sent it sees the socket die and counts an error.
      socket.destroy()
    }
  })
  // A client that goes is no concern of the mock's; without a listener it would end the process.
  socket.on('error', () => {})
})

function answer(socket: Socket, route: string, body: Buffer): void {
  if (route === 'POST /v1/embeddings') socket.write(embeddingsAnswer)
  else if (route !== 'POST /v1/chat/completions') socket.write(notFoundAnswer)
  else if (!is(body, '"stream"')) socket.write(chatAnswer)
  else stream(socket, body)
}

function stream(socket: Socket, body: Buffer): void {
  const { whole, pieces } = streamAnswer(count(body, '"max_tokens"') ?? 64, is(body, '"include_usage"'))
  const paceMs = count(body, '"seed"')
  if (paceMs === undefined) {
    socket.write(whole)
    return
  }
  let sent = 0
  const next = () => {
    const piece = pieces[sent++]
    if (piece === undefined || socket.destroyed) clearInterval(timer)
    else socket.write(piece)
  }
  const timer = setInterval(next, paceMs)
  next()
}

function is(body: Buffer, member: string): boolean {
  return textAfter(body, member).startsWith('true')
}

function count(body: Buffer, member: string): number | undefined {
  const value = Number.parseInt(textAfter(body, member), 10)
  return Number.isNaN(value) ? undefined : value
}

/** The text after a member's colon. Not parsed: a JSON parse of 32 KiB would cost more than the rest of the mock. */
function textAfter(body: Buffer, member: string): string {
  const at = body.indexOf(member)
  if (at === -1) return ''
  const from = at + member.length
  return body.toString('latin1', from, from + 24).replace(/^\s*:\s*/, '')
}

announce(server)
