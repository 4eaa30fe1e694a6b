import { isObject, type JsonObject } from './json-value.ts'

export type Choice = JsonObject

/** What one of `choices` says, in a whole answer or a chunk: it is all that tells chat from plain completions. */
export interface ChoiceReader {
  /** A reader would see something of it. */
  says(choice: Choice): boolean
  /** Every piece of text that it says. */
  texts(choice: Choice): Iterable<string>
}

export function choicesOf(value: JsonObject): readonly Choice[] {
  const choices = value['choices']
  return Array.isArray(choices) ? choices.filter(isObject) : []
}
