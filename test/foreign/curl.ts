// curl with the cookie of a login. With --http2 it asks for that version by Upgrade: h2c, which the gateway ignores.
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { alice } from '../../sandbox/identities.js'
import { failureOf } from '../helpers/failure.js'
import { findMissing, run } from './programs.js'
import { eachWay } from './ways.js'

const missing = findMissing('curl')
// What the last line tells, behind the answer's headers and body.
const told = '\\n%{json}'

for (const version of ['--http1.1', '--http2']) {
  await t.test(`curl ${version} reads, writes, resumes and is answered as by the tenant itself`, { skip: missing ?? false }, async t => {
    await eachWay(t, async (t, { origin, cookie, tenant, saysContinue }) => {
      const folder = t.testdir()
      const content = randomBytes(24 << 20)
      const file = join(folder, 'content')
      writeFileSync(file, content)
      const media = `${origin}/api/v1/apps/${SALES_APP_ID}/media/files/curl.bin`
      const curl = async (...words: string[]) => {
        const output = await run('curl', [
          '--silent', '--show-error', '--max-time', '60', '--expect100-timeout', '60', '--write-out', told, '--dump-header', '-',
          version, ...words
        ])
        const last = output.lastIndexOf('\n')
        type Told = { http_code: number, url_effective: string, size_upload: number }
        const { http_code: status, url_effective: url, size_upload: sent } = JSON.parse(output.slice(last)) as Told
        return { status, url, sent, text: output.slice(0, last), lines: output.match(/^HTTP\/.*(?=\r)/gm) }
      }

      const signedIn = async (...words: string[]) => await curl('--cookie', cookie, ...words)

      const me = await signedIn('--location', `${origin}/api/v1/users/me`)
      t.match(me, { status: 200, url: `${origin}/api/v1/users/${alice.id}`, text: alice.email })

      // Of curl's own accord: no page sends it, so a token proves where it comes from; and a large body waits for 100 (Continue).
      const session = await signedIn(`${origin}/gateway/session`)
      const { csrfToken } = JSON.parse(session.text.slice(session.text.indexOf('{'))) as { csrfToken: string }
      const written = await signedIn('--upload-file', file, '--header', `qlik-csrf-token: ${csrfToken}`, media)
      t.match(written, { status: 200, sent: content.length, lines: ['HTTP/1.1 100 Continue', 'HTTP/1.1 200 OK'] })
      const chunked = await signedIn(
        '--upload-file', file, '--header', `origin: ${origin}`, '--header', 'transfer-encoding: chunked', media
      )
      t.match(chunked, { status: 200 })

      const copy = join(folder, 'copy')
      tenant.controls.addFault({ path: '/api/v1/apps/', truncate: 5_000_000, times: 1 })
      t.ok(await failureOf(signedIn('--output', copy, media)), 'cut on the way')
      t.ok(readFileSync(copy).length < content.length)
      t.match(await signedIn('--continue-at', '-', '--output', copy, media), { status: 206 })
      t.ok(readFileSync(copy).equals(content))

      const refused = await curl('--upload-file', file, '--header', 'expect: 100-continue', media)
      t.match(refused, saysContinue ? { status: 401 } : { status: 401, sent: 0, lines: ['HTTP/1.1 401 Unauthorized'] })
    })
  })
}
