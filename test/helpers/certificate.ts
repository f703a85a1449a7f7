import { randomBytes, sign } from 'node:crypto'
import { createKeyPair } from '../../sandbox/key-pair.js'

// The few DER types an X.509 certificate is made of (X.690); Node has no writer of its own.
const der = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  const { length } = body
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), body])
}
const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts)
const identifier = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const time = (at: Date): Buffer => der(0x18, Buffer.from(at.toISOString().replace(/[-:T]|\.\d+/g, '')))
const yes = der(0x01, Buffer.from([255]))

const ecdsaWithSha256 = sequence(identifier('2a8648ce3d040302'))
const commonName = identifier('550403')
const alternativeNames = identifier('551d11')
const basicConstraints = identifier('551d13')

/**
 * A key and a certificate that signed itself, for a server of these host names; valid for so many days from yesterday
 * on, unless `expired`. In PEM.
 */
export function createCertificate (hostnames: string[], { expired = false, days = 2 } = {}): { key: string, cert: string } {
  const { privateKey, publicKey } = createKeyPair('P-256')
  const name = sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from(hostnames[0] ?? 'test')))))
  const day = 86_400_000
  const start = Date.now() - (expired ? 3 : 1) * day
  const names = hostnames.map(hostname => {
    const octets = hostname.split('.').map(Number)
    return octets.length === 4 && octets.every(Number.isInteger) ? der(0x87, Buffer.from(octets)) : der(0x82, Buffer.from(hostname))
  })
  const certificate = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1]), randomBytes(8)),
    ecdsaWithSha256,
    name,
    sequence(time(new Date(start)), time(new Date(start + days * day))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(
      sequence(basicConstraints, yes, der(0x04, sequence(yes))),
      sequence(alternativeNames, der(0x04, sequence(...names)))
    ))
  )
  const signature = sign('sha256', certificate, privateKey)
  const body = sequence(certificate, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature)).toString('base64')
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${(body.match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`
  }
}
