import type { ChildProcess } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import type { IncomingMessage, Server } from 'node:http'
import { noteSecrets } from '../../sandbox/secrets.js'

const folder = process.env.RUN_RECORD

/**
 * Adds what a gateway says to the record of the run in the folder RUN_RECORD, where a search for secrets follows;
 * nothing where there is no such folder.
 */
export function noteOutput (text: string, by = process.pid): void {
  if (folder !== undefined) appendFileSync(`${folder}/output-${by}.log`, text)
}

/** Adds what a gateway says that is a process of its own. Its output must be a pipe; it is read on, whoever else stops. */
export function noteOutputOf (child: ChildProcess): void {
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', chunk => { noteOutput(String(chunk), child.pid) })
    stream?.on('pause', () => { stream.resume() })
  }
}

/** Adds the cookies, codes, states and tokens that requests bring to a gateway, whoever made them. */
export function noteSecretsOf (server: Server): void {
  const note = ({ headers, url = '' }: IncomingMessage): void => {
    for (const cookie of headers.cookie?.split('; ') ?? []) noteSecrets({ cookie: cookie.slice(cookie.indexOf('=') + 1) })
    const query = new URLSearchParams(url.split('?')[1])
    noteSecrets({
      code: query.get('code'),
      state: query.get('state'),
      access_token: query.get('accessToken'),
      csrf_token: query.get('qlik-csrf-token')
    })
    noteSecrets({ access_token: headers.authorization?.replace(/^Bearer /, ''), csrf_token: headers['qlik-csrf-token'] })
  }
  // Not to upgrades as well: what listens there could be waiting for them, and the gateway would refuse none.
  server.on('request', note)
}
