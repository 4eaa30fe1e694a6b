import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { readJsonBody } from '../dialects/json-body.ts'
import { readChatRequest } from '../dialects/openai-chat/request.ts'
import { readCompletionsRequest } from '../dialects/openai-completions/request.ts'
import { readEmbeddingsRequest } from '../dialects/openai-embeddings/request.ts'
import { openaiError, openaiErrorEvent, openaiStatedEvent } from '../dialects/openai-error.ts'
import type { Asked, Call, DialectId, JsonBody } from '../domain/call.ts'
import { type Fault, toFault } from '../domain/fault.ts'
import { type Uuid, uuidV7 } from '../domain/id.ts'
import type { Key } from '../domain/key.ts'
import { isTracked } from '../domain/tracking.ts'
import { Client, type Manners } from '../pipeline/client.ts'
import type { Attempt } from '../pipeline/entry.ts'
import type { Gateway } from '../pipeline/gateway.ts'
import { handle } from '../pipeline/handle.ts'
import { attemptsMaxIn, clientRetriesIn } from './attempts.ts'
import { authenticate } from './authenticate.ts'
import { demandJson, readBody } from './body.ts'
import type { CallsHere } from './calls-here.ts'
import { deadlinesIn } from './deadlines.ts'
import { identityOf } from './identity.ts'
import type { Door } from './listen.ts'

interface Route {
  readonly endpoint: string
  readonly dialect: DialectId
  readonly read: (body: JsonBody) => Asked
}

const routes: readonly Route[] = [
  { endpoint: '/v1/chat/completions', dialect: 'openai-chat', read: readChatRequest },
  { endpoint: '/v1/completions', dialect: 'openai-completions', read: readCompletionsRequest },
  { endpoint: '/v1/embeddings', dialect: 'openai-embeddings', read: readEmbeddingsRequest },
]

export const callEndpoints: readonly string[] = routes.map(({ endpoint }) => endpoint)

/** What is behind a door. */
interface Behind {
  readonly route: Route
  readonly gateway: Gateway
  readonly here: CallsHere
}

const wording = { error: openaiError, errorEvent: openaiErrorEvent, statedEvent: openaiStatedEvent }

/**
 * The OpenAI dialects' doors: a request becomes a Call here and goes down the one path. By method and path as they stand
 * in the request line; they are asked before hono is, since for a call it could only find the way and make objects.
 */
export function callDoors(gateway: Gateway, here: CallsHere): ReadonlyMap<string, Door> {
  return new Map(
    routes.map((route) => {
      const behind = { route, gateway, here }
      return [`POST ${route.endpoint}`, (request, response) => serve(behind, request, response)]
    }),
  )
}

async function serve(
  { route, gateway, here }: Behind,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const client = new Client(outgoing, wording, mannersOf(incoming.headers))
  const id = uuidV7(gateway.clock.now())
  let key: Key | undefined
  let call: Call
  try {
    key = authenticate(incoming.headers, gateway.catalog, gateway.clock.now())
    call = await readCall({ id, key, route }, incoming, gateway)
  } catch (thrown) {
    await refuse(toFault(thrown), id, key, route, client, gateway)
    return
  }
  const retries = clientRetriesIn(incoming.headers)
  if (retries > 0) {
    gateway.metrics.clientRetried()
    gateway.log.debug({ call: id, retries }, 'a client tries again')
  }
  let attempts: readonly Attempt[] = []
  here.begin(id, key)
  gateway.live.calls++
  try {
    attempts = (await handle(call, client, gateway)).entry.attempts
  } catch (error) {
    // A bug: what can fail on the way is a Fault or a value. This call is lost, the next one is not.
    gateway.log.error({ error, call: id }, 'a call could not be brought to its end')
    outgoing.destroy()
  } finally {
    gateway.live.calls--
    here.end(id, attempts)
  }
}

async function readCall(
  { id, key, route }: { readonly id: Uuid; readonly key: Key; readonly route: Route },
  incoming: IncomingMessage,
  gateway: Gateway,
): Promise<Call> {
  const { headers } = incoming
  demandJson(incoming)
  const body = readJsonBody(await readBody(incoming, gateway.catalog.settings.jsonBodyBytesMax))
  const asked = route.read(body)
  const identity = identityOf(headers, asked.user, body.value, key)
  return {
    id,
    at: gateway.clock.now(),
    startedMs: gateway.clock.elapsed(),
    dialect: route.dialect,
    endpoint: route.endpoint,
    key,
    identity,
    asked,
    body,
    ...deadlinesIn(headers),
    attemptsMax: attemptsMaxIn(headers),
    usageMember: headers['x-tollgate-usage'] === 'true',
  }
}

function mannersOf(headers: IncomingHttpHeaders): Manners {
  const requestId = headers['x-request-id']
  return {
    trailers: /\btrailers\b/i.test(String(headers['te'])),
    requestId: typeof requestId === 'string' && /^[\x21-\x7e]{1,128}$/.test(requestId) ? requestId : undefined,
  }
}

/** A request that never became a call. Without a key it is nobody's: a figure and a line in the log. */
async function refuse(
  fault: Fault,
  id: string,
  key: Key | undefined,
  route: Route,
  client: Client,
  gateway: Gateway,
): Promise<void> {
  gateway.metrics.refused(fault.code)
  if (fault.code === 'internal') gateway.log.error({ error: fault.cause, call: id }, 'a request failed')
  else gateway.log.debug({ code: fault.code, call: id, key: key?.id }, 'refused')
  if (key) {
    const { dialect, endpoint } = route
    const identity = { org: key.org }
    const { trackUsage: installation } = gateway.catalog.settings
    const tracked = isTracked({ request: undefined, key: key.trackUsage, installation })
    await gateway.refusals.add({ id, key, identity, tracked, dialect, endpoint, stream: false, model: '' }, fault)
  }
  client.refuse(fault, { id })
}
