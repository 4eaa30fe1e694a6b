/**
 * The yardstick: the least that a reverse proxy on Node can be with node:http and undici. No key, no routing, no
 * limits, no metering; it does forward headers, respect backpressure and let go of the upstream when the client goes.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Dispatcher, Pool } from 'undici'
import { announce } from './announce.ts'

const pool = new Pool(process.argv[2] ?? '', { pipelining: 1, allowH2: false })

const server = createServer((request, response) => {
  const body: Buffer[] = []
  request.on('data', (chunk: Buffer) => body.push(chunk))
  request.on('end', () => forward(request, Buffer.concat(body), response))
})

function forward(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
  const { host, connection, 'transfer-encoding': framing, ...headers } = request.headers
  const to = { path: request.url ?? '/', method: request.method as Dispatcher.HttpMethod, headers, body }
  pool.dispatch(to, {
    onRequestStart(controller) {
      response.on('close', () => {
        if (!response.writableFinished) controller.abort(new Error('the client went'))
      })
    },
    onResponseStart(controller, status, { connection, 'keep-alive': kept, 'transfer-encoding': framing, ...head }) {
      response.on('drain', () => controller.resume())
      response.writeHead(status, head)
    },
    onResponseData(controller, chunk) {
      if (!response.write(chunk)) controller.pause()
    },
    onResponseEnd() {
      response.end()
    },
    onResponseError() {
      if (response.headersSent) response.destroy()
      else response.writeHead(502).end()
    },
  })
}

announce(server)
