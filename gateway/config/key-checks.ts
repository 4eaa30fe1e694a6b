import { selfTestKeyId } from '../domain/key.ts'
import type { Steps } from './document.ts'
import type { KeyEntry, UserEntry } from './file-schema.ts'
import { type Finding, repeatedIds, type Surroundings, unknown } from './finding.ts'
import { shown } from './problem.ts'
import { secretHash } from './secret-hash.ts'
import type { Placed, Sections } from './sections.ts'

/** Organisations, users and keys: each known once, and each key with one secret of its own. */
export function checkKeys(sections: Sections, around: Surroundings): readonly Finding[] {
  const { organisations, users, keys } = sections
  return [
    ...repeatedIds(organisations, around),
    ...repeatedUsers(sections, around),
    ...users.flatMap((placed) => checkOrg(placed, around)),
    ...repeatedIds(keys, around),
    ...keys.flatMap(checkReserved),
    ...keys.flatMap((placed) => checkOrg(placed, around)),
    ...keys.flatMap(({ steps }) => oneSecret(steps, around)),
    ...repeatedSecrets(keys, around),
  ]
}

function checkOrg({ entry, steps }: Placed<UserEntry | KeyEntry>, around: Surroundings): readonly Finding[] {
  return unknown('organisation', entry.org, [...steps, 'org'], around)
}

// A user's name is its organisation's own: two organisations may have the same.
function repeatedUsers({ users }: Sections, around: Surroundings): readonly Finding[] {
  return [...Map.groupBy(users, ({ entry }) => entry.org).values()].flatMap((those) => repeatedIds(those, around))
}

// Rows of tests are told from those of traffic by it.
function checkReserved({ entry, steps }: Placed<KeyEntry>): readonly Finding[] {
  if (entry.id !== selfTestKeyId) return []
  const message = () => `found ${shown(entry.id)}, which is the key of connection tests, expected another`
  return [{ steps: [...steps, 'id'], message }]
}

function oneSecret(steps: Steps, { written }: Surroundings): readonly Finding[] {
  const members = ['secret', 'secret_sha256'].filter((member) => written([...steps, member]))
  if (members.length === 1) return []
  const found = members.length === 0 ? 'neither' : 'both'
  return [
    {
      steps: [...steps, members.length === 0 ? 'secret' : 'secret_sha256'],
      message: () => `found ${found}, expected secret or secret_sha256`,
    },
  ]
}

function repeatedSecrets(keys: readonly Placed<KeyEntry>[], { where }: Surroundings): readonly Finding[] {
  const first = new Map<string, Steps>()
  return keys.flatMap(({ entry, steps }) => {
    const hash = secretHash(entry)
    if (hash === undefined) return []
    const before = first.get(hash)
    if (before === undefined) first.set(hash, steps)
    const member = entry.secret === undefined ? 'secret_sha256' : 'secret'
    return before === undefined
      ? []
      : [
          {
            steps: [...steps, member],
            message: () => `found the secret of the key at ${where(before)}, expected another`,
          },
        ]
  })
}
