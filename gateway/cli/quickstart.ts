import { defineCommand } from 'citty'
import { Unsealable } from '../catalog/seal.ts'
import type { Configuration } from '../config.ts'
import { systemClock } from '../domain/clock.ts'
import { firstKey, firstKeySlug } from '../first-key.ts'
import { findKey } from '../ledger/configured/keys.ts'
import { quickstartLines } from '../ready-text.ts'
import { urlOption } from './options.ts'
import { CommandFailure, exits, note, print } from './output.ts'
import { configuredAddress, readConfiguration } from './read-configuration.ts'
import { findGateway } from './running-gateway.ts'
import { masterKeysOf, withLedger } from './visit.ts'

/** `tollgate quickstart` */
export const quickstart = defineCommand({
  meta: {
    description: 'Shows the address, the key the installation began with, and a call that works',
    examples: ['tollgate quickstart', 'tollgate quickstart --url http://gateway.internal:8080'],
  },
  args: { url: urlOption },
  run: async ({ args }) => {
    const configuration = readConfiguration()
    const gateway = await findGateway(configuration, args.url)
    const address = gateway?.address ?? configuredAddress(configuration) ?? 'http://127.0.0.1:8080'
    if (configuration.declared.keys.length > 0) print(declaredText(configuration, address))
    else print(quickstartLines(address, await firstSecret(configuration)).join('\n'))
    if (!gateway) note('\nThe gateway does not answer. Start it with: npm start')
  },
})

/** Of a declared key only its hash is known here; whoever declared it has the secret. */
function declaredText({ configFile, declared }: Configuration, address: string): string {
  const [, , ...call] = quickstartLines(address, '$TOLLGATE_KEY')
  return [
    `  ${configFile} declares the keys: ${declared.keys.map(({ id }) => id).join(', ')}.`,
    '  Their secrets are where that file takes them from: export TOLLGATE_KEY=…',
    '',
    ...call,
  ].join('\n')
}

async function firstSecret(configuration: Configuration): Promise<string> {
  return withLedger(configuration, async (database) => {
    const stored = await findKey(database, firstKeySlug)
    if (!stored || stored.revokedAt) {
      throw new CommandFailure(exits.notFound, stored ? 'the first key was revoked' : 'there is no first key', {
        fix: stored ? 'tollgate keys list shows the others' : 'a start without declared keys makes it: npm start',
      })
    }
    try {
      const { secret } = await firstKey(database, masterKeysOf(configuration), systemClock)
      return secret
    } catch (error) {
      if (!(error instanceof Unsealable)) throw error
      throw new CommandFailure(exits.failure, 'the first key cannot be opened', {
        why: error.message,
        fix: 'set TOLLGATE_MASTER_KEY to the key it was sealed with',
      })
    }
  })
}
