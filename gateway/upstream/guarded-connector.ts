import { type LookupAddress, lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { buildConnector } from 'undici'
import type { Connection } from '../domain/connection.ts'

/** A connection's address leads where connections may not lead. */
export class ForbiddenAddress extends Error {
  readonly code = 'FORBIDDEN_ADDRESS'

  constructor(host: string, why: string) {
    super(`${host} ${why}. A connection to a server of your own network needs allow_private_network: true.`)
    this.name = 'ForbiddenAddress'
  }
}

/**
 * Opens sockets to public addresses only, unless the connection is allowed more: whoever may add a connection must not be
 * able to reach the metadata service or the database next door through it. The address is judged where the socket is
 * opened, after resolving, so a name that changes its address later is judged again.
 */
export function guardedConnector({ allowPrivateNetwork, timeouts }: Connection): buildConnector.connector {
  const timeout = timeouts.connectMs
  if (allowPrivateNetwork) return buildConnector({ timeout })
  const connect = buildConnector({ timeout, lookup: lookupPublic })
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '')
    const port = Number(options.port || (options.protocol === 'https:' ? 443 : 80))
    if (isIP(host) && !isPublic(host)) callback(new ForbiddenAddress(host, 'is not a public address'), null)
    else if (port < 1024 && port !== 443 && port !== 80) {
      callback(new ForbiddenAddress(`${host}:${port}`, 'is the port of another service'), null)
    } else connect(options, callback)
  }
}

/** Unicast is what is left when everything private, local, reserved, mapped or translated is taken out. */
export function isPublic(address: string): boolean {
  try {
    return ipaddr.process(address).range() === 'unicast'
  } catch {
    return false
  }
}

const lookupPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) {
      callback(error, '')
      return
    }
    const [first, ...rest] = addresses.filter(({ address }) => isPublic(address))
    if (!first) callback(new ForbiddenAddress(hostname, 'has no public address'), '')
    else if (options.all) callback(null, [first, ...rest])
    else callback(null, first.address, first.family)
  })
}
