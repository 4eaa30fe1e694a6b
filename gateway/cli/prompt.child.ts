/** Asks, on the terminal that a test made for it, and ends as a command would. */
import { print, report } from './output.ts'
import { confirmed } from './prompt.ts'

try {
  print(`said ${await confirmed('Sure?')}`)
} catch (thrown) {
  process.exitCode = report(thrown, false)
}
