/**
 * A text that came from outside, as a header's value. Control characters and what is beyond ASCII would make Node refuse
 * the whole head, and with it an answer that was paid for; they are percent-encoded.
 */
export function headerSafe(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text.toWellFormed())
}
