import { createInterface } from 'node:readline'
import { CommandFailure, exits } from './output.ts'

/** Whether somebody is there to be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true
}

/** Asks for a yes, on the terminal; anything else is a no, the end of the input too. */
export async function confirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      // The terminal is raw: Ctrl-C is a key here, and the process gets no signal.
      terminal.once('SIGINT', () => reject(new CommandFailure(exits.interrupted, 'interrupted')))
      const unanswered = () => {
        process.stderr.write('\n')
        resolve('')
      }
      terminal.once('close', unanswered)
      terminal.question(`${question} [y/N] `, (text) => {
        terminal.off('close', unanswered)
        resolve(text)
      })
    })
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    terminal.close()
  }
}

const enter = new Set(['\r', '\n'])
const interrupt = '\u0003'
const endOfInput = '\u0004'
const backspaces = new Set(['\u007f', '\b'])

/** Asks for a secret, which is not shown as it is typed. */
export function askHidden(question: string): Promise<string> {
  const { stdin } = process
  return new Promise((resolve, reject) => {
    let typed = ''
    const end = (settle: () => void) => {
      stdin.off('data', onData)
      stdin.setRawMode(false)
      stdin.pause()
      process.stderr.write('\n')
      settle()
    }
    const onData = (text: string) => {
      for (const char of text) {
        if (enter.has(char) || char === endOfInput) return end(() => resolve(typed))
        if (char === interrupt) return end(() => reject(new CommandFailure(exits.interrupted, 'interrupted')))
        typed = backspaces.has(char) ? typed.slice(0, -1) : typed + char
      }
    }
    process.stderr.write(`${question} `)
    stdin.setRawMode(true)
    stdin.setEncoding('utf8').on('data', onData)
    stdin.resume()
  })
}
