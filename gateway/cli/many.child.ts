import { writeSync } from 'node:fs'
import { run } from './run.ts'

/**
 * Runs several command lines in one process, since loading the sources again for each would be most of a test's time.
 * Everything but the process's own start is as it always is. Says what each said, as one document.
 */
let said = { stdout: '', stderr: '' }
process.stdout.write = taking('stdout')
process.stderr.write = taking('stderr')

const outcomes: object[] = []
for (const line of process.argv.slice(2)) {
  said = { stdout: '', stderr: '' }
  const code = await run(line.split(' ').filter((word) => word !== ''))
  outcomes.push({ code, ...said })
}
writeSync(1, JSON.stringify(outcomes))

function taking(stream: 'stdout' | 'stderr'): typeof process.stdout.write {
  return (text: string | Uint8Array) => {
    said[stream] += text
    return true
  }
}
