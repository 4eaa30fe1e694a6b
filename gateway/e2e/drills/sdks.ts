import { createOpenAI } from '@ai-sdk/openai'
import { ChatOpenAI } from '@langchain/openai'
import { APICallError, generateText, streamText } from 'ai'
import OpenAI, { APIError } from 'openai'
import { secret } from '../gateway.ts'

/** A client library, brought down to what drills ask of it. */
export interface Sdk {
  readonly name: string
  /** The text of a whole answer. */
  whole(model: string): Promise<string>
  /** Hands each piece of a streamed answer's text to `piece`; rejects with what the library tells its user. */
  stream(model: string, piece: (text: string) => void): Promise<void>
  /** The HTTP status that an error of this library's states. */
  statusOf(error: unknown): number | undefined
}

/** The libraries at this gateway. They try again by themselves this many times. */
function sdksAt(url: string, maxRetries = 0): readonly Sdk[] {
  return [openaiSdk(url, maxRetries), vercelSdk(url, maxRetries), langchainSdk(url, maxRetries)]
}

export function sdkAt(url: string, name: string, maxRetries?: number): Sdk {
  const sdk = sdksAt(url, maxRetries).find((each) => each.name === name)
  if (!sdk) throw new Error(`there is no SDK ${name}`)
  return sdk
}

/** The text of a stream as far as it came, and how it ended. */
export interface Streamed {
  readonly text: string
  readonly error: unknown
}

export async function streamed(sdk: Sdk, model: string): Promise<Streamed> {
  let text = ''
  try {
    await sdk.stream(model, (piece) => {
      text += piece
    })
    return { text, error: undefined }
  } catch (error) {
    return { text, error }
  }
}

export const sdkNames = ['openai', 'vercel-ai', 'langchain'] as const

const prompt = 'Hello'

function openaiSdk(url: string, maxRetries: number): Sdk {
  const client = new OpenAI({ apiKey: secret, baseURL: `${url}/v1`, maxRetries })
  const messages = [{ role: 'user' as const, content: prompt }]
  return {
    name: 'openai',
    async whole(model) {
      const { choices } = await client.chat.completions.create({ model, messages })
      return choices[0]?.message.content ?? ''
    },
    async stream(model, piece) {
      const chunks = await client.chat.completions.create({ model, messages, stream: true })
      for await (const { choices } of chunks) piece(choices[0]?.delta.content ?? '')
    },
    statusOf: (error) => (error instanceof APIError ? error.status : undefined),
  }
}

function vercelSdk(url: string, maxRetries: number): Sdk {
  const provider = createOpenAI({ apiKey: secret, baseURL: `${url}/v1` })
  return {
    name: 'vercel-ai',
    async whole(model) {
      return (await generateText({ model: provider.chat(model), prompt, maxRetries })).text
    },
    async stream(model, piece) {
      const { stream } = streamText({ model: provider.chat(model), prompt, maxRetries, onError: () => {} })
      for await (const part of stream) {
        if (part.type === 'text-delta') piece(part.text)
        else if (part.type === 'error') throw part.error
      }
    },
    statusOf: (error) => (APICallError.isInstance(error) ? error.statusCode : undefined),
  }
}

function langchainSdk(url: string, maxRetries: number): Sdk {
  const chat = (model: string) =>
    new ChatOpenAI({ model, apiKey: secret, maxRetries, configuration: { baseURL: `${url}/v1` } })
  return {
    name: 'langchain',
    async whole(model) {
      return (await chat(model).invoke(prompt)).text
    },
    async stream(model, piece) {
      for await (const chunk of await chat(model).stream(prompt)) piece(chunk.text)
    },
    statusOf: (error) => (error instanceof Error && 'status' in error ? Number(error.status) || undefined : undefined),
  }
}
