import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'

/** A contestant that is up. */
export interface Running {
  port: number
  /** Absent where there is none between the load and the upstream. */
  child?: ChildProcess
  /** Header lines that prove who is asking, one set per session, each with its line ends. */
  sessions: string[]
  /** A further header line for each request, where one cannot be sent twice. */
  prove?: () => string
}

/** What contestants are started with. */
export interface Stage {
  /** What they forward to. */
  tenant: { origin: string, port: number, tls: boolean }
  /** The origin of the tenant's OAuth, by TLS in any case: some contestants take no other. */
  oauth: string
  /** The certificate of both, in PEM. */
  caFile: string
  /** Where the load may go to by itself. */
  directPort: number
  /** A folder of this run for files of settings and logs. */
  folder: string
  /** How many different users ask the gateway. */
  users: number
  /** A folder for a CPU profile of the gateway, or none. */
  profileFolder?: string | undefined
}

export interface Contestant {
  name: string
  /** Whether it forwards WebSockets here. */
  sockets: boolean
  /** The works that it takes part in; all unless given. */
  works?: string[]
  /** Starts it, or says what is missing on this machine. */
  start: (stage: Stage) => Promise<Running | string>
}

/** A cookie of the others' size, for contestants that know no sessions. */
export function cookieOfStranger (): string {
  return `Cookie: session=${randomBytes(2_600).toString('base64url')}\r\n`
}
