import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'

/** A running contestant. */
export interface Running {
  port: number
  /** Undefined if there is nothing between the load and the upstream. */
  child?: ChildProcess
  /** Header lines that authenticate a session, with their line ends; one entry per session. */
  sessions: string[]
  /** Makes a further header line for each request, if one can be used only once. */
  prove?: () => string
}

/** What contestants are started with. */
export interface Stage {
  /** The upstream that they forward to. */
  tenant: { origin: string, port: number, tls: boolean }
  /** The origin of the tenant's OAuth endpoints. Always https, because some contestants accept nothing else. */
  oauth: string
  /** The certificate of both, in PEM. */
  caFile: string
  /** The port for load that goes directly to the upstream. */
  directPort: number
  /** A folder for settings and logs of this run. */
  folder: string
  /** The number of different users of the gateway. */
  users: number
  /** A folder for a CPU profile of the gateway, or none. */
  profileFolder?: string | undefined
}

export interface Contestant {
  name: string
  /** Whether it forwards WebSockets here. */
  sockets: boolean
  /** The works in which it takes part. By default all. */
  works?: string[]
  /** Starts it, or returns what is missing on this machine. */
  start: (stage: Stage) => Promise<Running | string>
}

/** A cookie of the same size as the others', for contestants without sessions. */
export function cookieOfStranger (): string {
  return `Cookie: session=${randomBytes(2_600).toString('base64url')}\r\n`
}
