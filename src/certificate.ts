import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { SecureContextOptions } from 'node:tls'
import type { FastifyBaseLogger } from 'fastify'
import { followFile } from './settings/follow-file.js'
import type { Signals } from './signals.js'

/** The files of the gateway's own certificate, followed by its chain, and of its private key; both in PEM. */
export interface CertificateFiles { tlsCertFile: string, tlsKeyFile: string }

/** A certificate whose key is known to belong to it. */
export interface Certificate {
  files: CertificateFiles
  cert: string
  key: string
  /** The first of the file: the server's own. */
  leaf: X509Certificate
  nameOf: NameOfFile
}

/** How the operator writes the settings that name the files. */
export type NameOfFile = (setting: keyof CertificateFiles) => string

/** Reads both files. Each fault is added to `faults`, as a line that begins with the name of the setting; undefined then. */
export function readCertificate (files: CertificateFiles, faults: string[], nameOf: NameOfFile): Certificate | undefined {
  const { tlsCertFile, tlsKeyFile } = files
  const [certName, keyName] = [nameOf('tlsCertFile'), nameOf('tlsKeyFile')]
  const cert = readText(certName, tlsCertFile, faults)
  const key = readText(keyName, tlsKeyFile, faults)
  const leaf = cert === undefined ? undefined : parse(() => new X509Certificate(cert), `${certName} ${noCertificate}`, faults)
  const secret = key === undefined ? undefined : parse(() => createPrivateKey(key), `${keyName} ${noKey}`, faults)
  if (cert === undefined || key === undefined || leaf === undefined || secret === undefined) return undefined
  if (leaf.checkPrivateKey(secret)) return { files, cert, key, leaf, nameOf }
  faults.push(`${keyName} holds the key of another certificate than ${certName}: name two files that belong together`)
  return undefined
}

const noCertificate = 'holds no certificate in PEM: ' +
  'write that of the gateway first, and those that lead to its authority behind it'
const noKey = 'holds no private key in PEM that opens without a passphrase: write it there, not encrypted'

function readText (setting: string, file: string, faults: string[]): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    faults.push(`${setting} cannot be read (${(error as NodeJS.ErrnoException).code}): name a file that the gateway may read`)
    return undefined
  }
}

function parse<Value extends X509Certificate | KeyObject> (read: () => Value, fault: string, faults: string[]): Value | undefined {
  try {
    return read()
  } catch {
    // The message of OpenSSL says no more than this one, and can quote the file.
    faults.push(fault)
    return undefined
  }
}

/** Whether a certificate has ended. */
export function hasEnded ({ leaf }: Certificate, now = Date.now()): boolean {
  return Date.parse(leaf.validTo) <= now
}

/**
 * How the gateway serves TLS: 1.2 and later, and of 1.2 only what has forward secrecy and authenticated encryption (Mozilla's intermediate
 * configuration without its Diffie-Hellman over finite fields).
 */
export function secureContextOf ({ cert, key }: Certificate): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', ciphers, ecdhCurve: 'X25519:P-256:P-384' }
}

const ciphers = [
  'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'
].join(':')

export interface FollowedCertificate {
  /** The one in use. */
  certificate: Certificate
  take: (certificate: Certificate) => void
  log: FastifyBaseLogger
  signals: Signals
}

/**
 * Follows both files, and calls `take` with a renewed certificate, which new connections use. Both files are read when
 * either changes, since they may be written one after the other: a pair that does not match is refused until the second
 * has been written. Returns what stops it.
 */
export function followCertificate ({ certificate, take, log, signals }: FollowedCertificate): () => void {
  const { files, nameOf } = certificate
  const refuse = (failure: string) => { log.error({ failure }, 'the certificate is refused: the one before it stays in use') }

  function renew (): void {
    const faults: string[] = []
    const renewed = readCertificate(files, faults, nameOf)
    if (renewed === undefined) {
      refuse(faults.join('; '))
    } else if (renewed.cert !== certificate.cert || renewed.key !== certificate.key) {
      certificate = renewed
      take(renewed)
      log.info({ validTo: new Date(renewed.leaf.validTo) }, 'another certificate is in use')
    }
  }

  const stops = [files.tlsCertFile, files.tlsKeyFile].map(file => followFile({ file, take: renew, refuse, signals }))
  return () => { for (const stop of stops) stop() }
}
