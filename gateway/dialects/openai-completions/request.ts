import type { Asked, JsonBody, Prompt } from '../../domain/call.ts'
import { Fault } from '../../domain/fault.ts'
import { choicesMax, invalid, modelOf, textsAndTokens, wholeNumber } from '../request-fields.ts'
import { streamingOf } from '../stream-options.ts'

/**
 * Reads what a plain completion request asks for. Without `max_tokens` OpenAI stops after 16; others stop where the
 * model does, so no cap is assumed. Every prompt of a list is answered by itself.
 */
export function readCompletionsRequest({ value: body }: JsonBody): Asked {
  const prompt = body['prompt']
  if (prompt === undefined) {
    throw new Fault('missing_required_parameter', "Missing required parameter: 'prompt'.", { param: 'prompt' })
  }
  if (prompt !== null && typeof prompt !== 'string' && !Array.isArray(prompt)) {
    throw invalid('prompt', 'a text, or a list of texts or tokens')
  }
  // Of the best of several, all are made and paid for.
  const asked = wholeNumber(body, 'n', 1, choicesMax) ?? 1
  const made = Math.max(asked, wholeNumber(body, 'best_of', 1, choicesMax) ?? 1)
  const choices = made * promptsIn(prompt)
  const outputMax = wholeNumber(body, 'max_tokens')
  return {
    model: modelOf(body),
    ...streamingOf(body),
    outputTokensMax: outputMax === undefined ? undefined : outputMax * choices,
    choices,
    user: typeof body['user'] === 'string' ? body['user'] : undefined,
    prompt: () => promptOf(prompt, body['suffix']),
  }
}

/** A list of numbers is one prompt, given as tokens. */
function promptsIn(prompt: string | readonly unknown[] | null): number {
  if (!Array.isArray(prompt) || prompt.every((item) => typeof item === 'number')) return 1
  return prompt.length
}

function promptOf(prompt: unknown, suffix: unknown): Prompt {
  const { texts, tokens } = textsAndTokens(prompt)
  return { texts: typeof suffix === 'string' ? [...texts, suffix] : texts, tokens, messages: 0 }
}
