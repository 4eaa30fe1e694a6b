import { Worker } from 'node:worker_threads'
import type { Countable, Counted, Tokenizer } from './tokenizer.ts'
import type { Answer, Question } from './worker.ts'

/** Questions waiting at a time; beyond it the estimate by bytes stands, rather than memory growing. */
const waitingMax = 1000

interface Waiting {
  readonly resolve: (counted: Counted) => void
  readonly reject: (error: Error) => void
}

/** Counts in a worker thread, which is started when the first question comes: most installations never ask. */
export class WorkerTokenizer implements Tokenizer {
  readonly #file: URL
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #next = 0

  /** `file` is the worker's entry point. */
  constructor(file: URL) {
    this.#file = file
  }

  count(texts: Countable): Promise<Counted> {
    if (this.#waiting.size >= waitingMax)
      return Promise.reject(new Error(`${waitingMax} texts are waiting to be counted`))
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      const question: Question = { id, ...texts }
      this.#start().postMessage(question)
    })
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(this.#file)
    worker.unref()
    worker.on('message', ({ id, prompt, said }: Answer) => {
      this.#waiting.get(id)?.resolve({ prompt, said })
      this.#waiting.delete(id)
    })
    worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', () => this.#fail(new Error('the tokenizer stopped')))
    this.#worker = worker
    return worker
  }

  /** Whoever waits is told; the next question starts another worker. */
  #fail(error: Error): void {
    this.#worker = undefined
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }
}
