import type { Call, Prompt } from '../domain/call.ts'
import type { Reading } from '../domain/usage.ts'

/** English text runs at about four bytes a token, in JSON too; counting better would cost every call for the sake of a few. */
const bytesPerToken = 4

/** Tokens by bytes: for limits, for what a restart would know, and until the tokenizer has counted. */
export function tokensByBytes(bytes: number): number {
  return Math.ceil(bytes / bytesPerToken)
}

/** What the chat format itself costs, per message and per answer, by OpenAI's own cookbook. */
const tokensPerMessage = 3
const tokensPerAnswer = 3

/** A reading by bytes, of a call whose provider stated no usage. */
export function estimate(call: Call, reading: Reading): Reading {
  const prompt = call.asked.prompt()
  const bytes = prompt.texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  const said = Buffer.byteLength(reading.said ?? '')
  return counted(call, reading, { prompt: tokensByBytes(bytes), said: tokensByBytes(said) }, prompt)
}

/** The reading that counts of the texts make, with what framing adds. */
export function counted(
  call: Call,
  reading: Reading,
  tokens: { readonly prompt: number; readonly said: number },
  prompt: Prompt = call.asked.prompt(),
): Reading {
  const framing = prompt.messages === 0 ? 0 : prompt.messages * tokensPerMessage + tokensPerAnswer
  return {
    ...reading,
    source: 'counted',
    usage: {
      input: tokens.prompt + framing + (prompt.tokens ?? 0),
      // An answer of which nothing was kept said something all the same: unknown is not nothing.
      ...(reading.said !== undefined && {
        output: Math.round(tokens.said * sharesOf(reading.said, reading.saidBeyond)),
      }),
    },
  }
}

/** The length of all that was said, in lengths of what was kept of it. */
function sharesOf(said: string, saidBeyond = 0): number {
  return said.length === 0 ? 1 : 1 + saidBeyond / said.length
}
