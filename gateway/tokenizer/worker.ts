import { parentPort } from 'node:worker_threads'
import { countTokens } from './count.ts'
import type { Countable, Counted } from './tokenizer.ts'

export interface Question extends Countable {
  readonly id: number
}

export interface Answer extends Counted {
  readonly id: number
}

parentPort?.on('message', ({ id, model, prompt, said }: Question) => {
  const answer: Answer = {
    id,
    prompt: prompt.reduce((sum, text) => sum + countTokens(model, text), 0),
    said: countTokens(model, said),
  }
  parentPort?.postMessage(answer)
})
