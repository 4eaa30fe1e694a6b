import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** A certificate for `localhost` that signs itself, made for the run: no private key has to lie in the repository. */
export function selfSigned(): { readonly key: string; readonly cert: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const der = certificate(publicKey, privateKey).toString('base64')
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${der.match(/.{1,64}/g)?.join('\n')}\n-----END CERTIFICATE-----\n`,
  }
}

// X.509 (RFC 5280) in DER: a tag, a length, and what is inside.
const sequence = (...parts: readonly Buffer[]) => item(0x30, ...parts)
const set = (...parts: readonly Buffer[]) => item(0x31, ...parts)
const integer = (value: number) => item(0x02, Buffer.from([value]))
const bits = (bytes: Buffer) => item(0x03, Buffer.from([0]), bytes)
const bytes = (inside: Buffer) => item(0x04, inside)
const id = (hex: string) => item(0x06, Buffer.from(hex, 'hex'))
const text = (value: string) => item(0x0c, Buffer.from(value))
const time = (value: string) => item(0x17, Buffer.from(value))

const ecdsaWithSha256 = sequence(id('2a8648ce3d040302'))
const commonName = id('550403')
const subjectAltName = id('551d11')

function item(tag: number, ...parts: readonly Buffer[]): Buffer {
  const inside = Buffer.concat(parts)
  const { length } = inside
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), inside])
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), inside])
}

function certificate(publicKey: KeyObject, privateKey: KeyObject): Buffer {
  const name = sequence(set(sequence(commonName, text('localhost'))))
  const localhost = item(0x82, Buffer.from('localhost'))
  const toBeSigned = sequence(
    item(0xa0, integer(2)),
    integer(1),
    ecdsaWithSha256,
    name,
    sequence(time('200101000000Z'), time('491231235959Z')),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    item(0xa3, sequence(sequence(subjectAltName, bytes(sequence(localhost))))),
  )
  return sequence(toBeSigned, ecdsaWithSha256, bits(sign('sha256', toBeSigned, privateKey)))
}
