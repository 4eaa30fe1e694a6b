import { JsonAnswerMeter } from '../dialects/json-answer-meter.ts'
import { type Edit, splice } from '../dialects/json-body.ts'
import type { Meter, ResponseHead } from '../dialects/meter.ts'
import { readChatAnswer } from '../dialects/openai-chat/answer.ts'
import { streamOptionsWithUsage } from '../dialects/openai-chat/request.ts'
import { ChatStreamMeter } from '../dialects/openai-chat/stream-meter.ts'
import { readEmbeddingsAnswer } from '../dialects/openai-embeddings/answer.ts'
import { SniffedMeter } from '../dialects/sniffed-meter.ts'
import type { Call } from '../domain/call.ts'
import type { Candidate } from '../domain/connection.ts'
import { classifyOpenai } from './openai-verdict.ts'
import type { ProviderAdapter, UpstreamRequest } from './provider.ts'

/** What tells one provider of this family from another. */
export interface OpenaiCompatible {
  readonly id: string
  readonly baseUrl?: string
  readonly credential?: ProviderAdapter['credential']
}

const paths = { 'openai-chat': '/chat/completions', 'openai-embeddings': '/embeddings' } as const

/** An adapter for a provider that speaks OpenAI's dialects, as most do. */
export function openaiCompatible({ id, baseUrl, credential = 'required' }: OpenaiCompatible): ProviderAdapter {
  return { id, baseUrl, credential, rewrite, meter, classify: classifyOpenai }
}

function rewrite(call: Call, { connection, model }: Candidate): UpstreamRequest {
  const edits: Edit[] = []
  if (model !== call.asked.model) edits.push({ member: 'model', json: JSON.stringify(model) })
  if (call.dialect === 'openai-chat' && call.asked.stream && !call.asked.streamUsage) {
    edits.push({ member: 'stream_options', json: streamOptionsWithUsage(call.body.value) })
  }
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: call.asked.stream ? 'text/event-stream' : 'application/json',
    // We meter bytes, so they must not be compressed.
    'accept-encoding': 'identity',
    'user-agent': 'tollgate',
  }
  if (connection.apiKey !== undefined) headers['authorization'] = `Bearer ${connection.apiKey}`
  const origin = connection.baseUrl.indexOf('/', connection.baseUrl.indexOf('//') + 2)
  const base = origin < 0 ? '' : connection.baseUrl.slice(origin)
  return { method: 'POST', path: base + paths[call.dialect], headers, body: splice(call.body, edits) }
}

function meter(call: Call, head: ResponseHead): Meter {
  const read = call.dialect === 'openai-chat' ? readChatAnswer : readEmbeddingsAnswer
  const json = () => new JsonAnswerMeter(read, head.headers['content-length'])
  if (!call.asked.stream) return json()
  const stream = () => new ChatStreamMeter(call.usageMember ? 'hold' : call.asked.streamUsage ? 'keep' : 'drop')
  const says = String(head.headers['content-type'] ?? '')
  return says.startsWith('text/event-stream') ? stream() : new SniffedMeter(stream, json)
}
