import { readJsonBody } from '../dialects/json-body.ts'
import { readChatRequest } from '../dialects/openai-chat/request.ts'
import { readEmbeddingsRequest } from '../dialects/openai-embeddings/request.ts'
import type { Call } from '../domain/call.ts'
import type { Clock } from '../domain/clock.ts'
import { uuidV7 } from '../domain/id.ts'
import { defaultOrg, type Key, selfTestKeyId } from '../domain/key.ts'

/** Who tests call as: a key that nobody can present, since no secret has this hash. */
const selfTestKey: Key = {
  id: selfTestKeyId,
  hash: '',
  org: defaultOrg,
  user: undefined,
  feature: undefined,
  models: ['*'],
  allowClientIdentity: false,
  expiresAt: undefined,
  trackUsage: undefined,
}

/** Long enough for a model that has to be loaded first; whoever tests is waiting. */
const patienceMs = 30_000

/**
 * How the least answer is asked for. Most models take one token and know the older name; some that think first know
 * only the newer one, and have said nothing after one token.
 */
export const caps = [{ max_tokens: 1 }, { max_completion_tokens: 16 }] as const
type Cap = (typeof caps)[number]

/** What is asked: a token of a chat, or the embedding of a word. */
export type Question = { readonly kind: 'chat'; readonly cap: Cap } | { readonly kind: 'embedding' }

/** The call of a test: like any other, but for the one connection, whatever its standing. */
export function testCall(connectionId: string, model: string, question: Question, clock: Clock): Call {
  const at = clock.now()
  const id = uuidV7(at)
  return {
    id,
    at,
    startedMs: clock.elapsed(),
    ...asked(model, question),
    key: selfTestKey,
    identity: { org: selfTestKey.org, requestType: 'test' },
    timeoutMs: patienceMs,
    firstTokenTimeoutMs: undefined,
    only: connectionId,
    usageMember: false,
  }
}

function asked(model: string, question: Question): Pick<Call, 'dialect' | 'endpoint' | 'asked' | 'body'> {
  if (question.kind === 'embedding') {
    const body = readJsonBody(Buffer.from(JSON.stringify({ model, input: 'Hi' })))
    return { dialect: 'openai-embeddings', endpoint: '/v1/embeddings', asked: readEmbeddingsRequest(body), body }
  }
  const messages = [{ role: 'user', content: 'Hi' }]
  // A stream, so that it can be said how soon the first token came.
  const body = readJsonBody(Buffer.from(JSON.stringify({ model, messages, ...question.cap, stream: true })))
  return { dialect: 'openai-chat', endpoint: '/v1/chat/completions', asked: readChatRequest(body), body }
}
