const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const frameMs = 80

/** Shows on a terminal that something is under way, on stderr, and clears it away at the end. */
export async function spinning<T>(words: () => string, work: () => Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return work()
  let turn = 0
  const timer = setInterval(() => {
    process.stderr.write(`\r\u001b[K${frames[turn++ % frames.length]} ${words()}`)
  }, frameMs)
  try {
    return await work()
  } finally {
    clearInterval(timer)
    clearLine()
  }
}

/** Makes way for a line, should one be spinning. */
export function clearLine(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
}
