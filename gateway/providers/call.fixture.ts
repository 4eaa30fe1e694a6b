import { readJsonBody } from '../dialects/json-body.ts'
import { readChatRequest } from '../dialects/openai-chat/request.ts'
import { readCompletionsRequest } from '../dialects/openai-completions/request.ts'
import { readEmbeddingsRequest } from '../dialects/openai-embeddings/request.ts'
import type { Call, DialectId } from '../domain/call.ts'
import type { Candidate, Connection } from '../domain/connection.ts'

const readers = {
  'openai-chat': readChatRequest,
  'openai-completions': readCompletionsRequest,
  'openai-embeddings': readEmbeddingsRequest,
}

/** A call with what an adapter may look at, and nothing else. */
export function callOf(text: string, dialect: DialectId = 'openai-chat'): Call {
  const body = readJsonBody(Buffer.from(text))
  const seen: Pick<Call, 'dialect' | 'asked' | 'body' | 'usageMember'> = {
    dialect,
    asked: readers[dialect](body),
    body,
    usageMember: false,
  }
  return seen as Call
}

/** A candidate with what an adapter may look at. */
export function candidateOf(model: string, more: Partial<Connection>): Candidate {
  const seen: Pick<Connection, 'baseUrl' | 'apiKey' | 'apiVersion' | 'headers'> = {
    baseUrl: 'https://api.example.com/v1',
    apiKey: undefined,
    apiVersion: undefined,
    headers: {},
    ...more,
  }
  return { connection: seen as Connection, model, rank: 0 }
}
