import { setTimeout as sleep } from 'node:timers/promises'
import type { Listener } from './http/listen.ts'
import type { Gateway } from './pipeline/gateway.ts'

/** What a client is given to read its last words. */
const lastWordsMs = 5_000
const lookMs = 20

export interface Descent {
  close(patienceMs: number): Promise<void>
  hurry(patienceMs: number): void
}

/**
 * Going down: no new connections; calls under way end by themselves, and their answers are read, while there is
 * patience; those that do not are told so and get their row; then everything is closed in the opposite order of its
 * opening.
 */
export function descent(listener: Listener, { live, clock }: Gateway, opened: AsyncDisposableStack): Descent {
  let deadlineMs = Number.POSITIVE_INFINITY
  let closed: Promise<void> | undefined
  const callsEndBefore = async (deadline: () => number) => {
    while ((live.calls > 0 || listener.answering > 0) && clock.elapsed() < deadline()) await sleep(lookMs)
  }
  const close = async () => {
    listener.stop()
    await callsEndBefore(() => deadlineMs)
    live.stopAll()
    const lastWords = clock.elapsed() + lastWordsMs
    await callsEndBefore(() => lastWords)
    listener.cut()
    await listener.closed
    await opened.disposeAsync()
  }
  const hurry = (patienceMs: number) => {
    deadlineMs = Math.min(deadlineMs, clock.elapsed() + patienceMs)
  }
  return {
    hurry,
    close(patienceMs) {
      hurry(patienceMs)
      closed ??= close()
      return closed
    },
  }
}
