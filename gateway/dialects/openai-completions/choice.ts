import type { ChoiceReader } from '../openai-choice.ts'

/** A plain completion's choice is a text, or the next piece of it. */
export const textChoice: ChoiceReader = {
  says: ({ text }) => typeof text === 'string' && text !== '',
  texts: ({ text }) => (typeof text === 'string' ? [text] : []),
}
