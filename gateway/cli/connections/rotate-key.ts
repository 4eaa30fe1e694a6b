import { defineCommand } from 'citty'
import { systemClock } from '../../domain/clock.ts'
import { updateConnection } from '../../ledger/configured/connections.ts'
import { connectionProblems, sealCredential } from '../../stored-connections.ts'
import { jsonOption } from '../options.ts'
import { CommandFailure, type Exit, exits, print, printJson } from '../output.ts'
import { readConfiguration } from '../read-configuration.ts'
import { masterKeysOf, withLedger } from '../visit.ts'
import { credentialOptions, givenCredential } from './credential.ts'
import { ownedConnection } from './owned.ts'
import { takenUp } from './taken-up.ts'
import { testAfter, testOption } from './test-after.ts'

/** A change of the ledger is in effect within this. */
const effectiveMs = 1_000

/** `tollgate connections rotate-key` */
export const rotateKey = defineCommand({
  meta: {
    description:
      "Puts another key of the provider in the place of a connection's; calls under way end with the old one",
    examples: [
      'tollgate connections rotate-key main --key-env PROVIDER_KEY --test',
      'pass provider-key | tollgate connections rotate-key main --key-stdin',
    ],
  },
  args: {
    id: { type: 'positional', required: true, valueHint: 'id', description: 'The connection' },
    ...credentialOptions,
    test: testOption,
    json: jsonOption,
  },
  run: async ({ args }): Promise<Exit> => {
    const { id } = args
    const configuration = readConfiguration()
    // First whether it is ours to change: nobody is asked for a key in vain.
    const stored = await withLedger(configuration, (database) => ownedConnection(database, id, configuration))
    const apiKey = await givenCredential(args, true)
    const problems = connectionProblems(stored, apiKey, configuration)
    if (apiKey === undefined || problems.length > 0) {
      throw new CommandFailure(exits.wrongUse, `${id} cannot have this key`, { why: problems.join('\n  ') })
    }
    const sealed = sealCredential(stored.id, apiKey, masterKeysOf(configuration))
    await withLedger(configuration, (database) => updateConnection(database, systemClock, id, sealed))
    const storedMs = systemClock.elapsed()
    // Where the old key's hint is the same, the change cannot be seen, and is waited for as long as it may take.
    const seen = stored.keyHint !== sealed.keyHint
    const inUse = await takenUp(
      configuration,
      id,
      (live) => live?.key_hint === sealed.keyHint && (seen || systemClock.elapsed() - storedMs > effectiveMs),
    )
    if (args.json && !args.test) printJson({ id, key_hint: sealed.keyHint, taken_up: inUse })
    else if (!args.json) print(`${id} has another key${sealed.keyHint === null ? '' : `: ${sealed.keyHint}`}`)
    return args.test ? testAfter(configuration, id, args) : exits.ok
  },
})
