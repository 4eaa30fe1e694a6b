import type { Running } from './assemble.ts'
import type { Configuration } from './config.ts'
import { version } from './version.ts'

/** What a start says. The key is shown once, at the first start with the embedded database; later by `quickstart`. */
export function readyText(running: Running, { configFile }: Configuration, startedMs: number): string {
  const lines = [`Tollgate ${version} is ready at ${running.address} (${(startedMs / 1000).toFixed(1)} s)`]
  if (configFile !== undefined) lines.push(`  configuration  ${configFile}`)
  if (running.firstKey?.fresh && running.ledger === 'embedded') {
    lines.push('', ...quickstartLines(running.address, running.firstKey.secret))
  } else if (running.firstKey) lines.push('  key and curl   npx tollgate quickstart')
  return `${lines.join('\n')}\n`
}

/** A key, and a call that works as it stands. */
export function quickstartLines(address: string, secret: string): readonly string[] {
  return [
    `  your key   ${secret}`,
    '',
    '  try it, with the built-in sandbox provider:',
    '',
    `  curl -N ${address}/v1/chat/completions \\`,
    `    -H "authorization: Bearer ${secret}" -H "content-type: application/json" \\`,
    `    -d '{"model":"sandbox/echo","stream":true,"messages":[{"role":"user","content":"Hello, Tollgate!"}]}'`,
    '',
    '  what it used and cost:',
    '',
    `  curl ${address}/v1/me/usage -H "authorization: Bearer ${secret}"`,
  ]
}
