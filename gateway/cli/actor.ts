import { userInfo } from 'node:os'

/** Who does it, for the audit log: the person's name on this machine. */
export function actor(): string {
  try {
    return `cli:${userInfo().username}`
  } catch {
    // In a container a user may be a number and nothing else.
    return `cli:uid-${process.getuid?.() ?? 'unknown'}`
  }
}
