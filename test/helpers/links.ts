import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { createLinks, type Links } from '../../src/tenants/links.js'

export const links = createLinks(new URL('https://tenant.eu.example'), new URL('https://app.example/qlik'))
links.useHostnames(['tenant.eu.example', 'analytics.eu.example', 'app.example'])
export const local = createLinks(new URL('http://localhost:4001'), new URL('http://localhost:3000'))

export async function rewrite (text: string | Buffer, sizes: number[] = [], by: Pick<Links, 'rewriteJson'> = links): Promise<string> {
  const whole = Buffer.from(text)
  const chunks: Buffer[] = []
  let at = 0
  for (const size of [...sizes, whole.length]) {
    chunks.push(whole.subarray(at, at + size))
    at += size
  }
  return (await buffer(Readable.from(chunks.filter(chunk => chunk.length > 0)).pipe(by.rewriteJson()))).toString('latin1')
}

export const cases: [string, string][] = [
  ['"https://tenant.eu.example/api/v1/items?page=2"', '"https://app.example/qlik/api/v1/items?page=2"'],
  ['"https://tenant.eu.example:443/api"', '"https://app.example/qlik/api"'],
  ['"http://tenant.eu.example:80/api"', '"https://app.example/qlik/api"'],
  ['"HTTPS://Tenant.EU.example"', '"https://app.example/qlik"'],
  ['"wss://tenant.eu.example/app/1"', '"wss://app.example/qlik/app/1"'],
  ['"https:\\/\\/tenant.eu.example\\/api"', '"https:\\/\\/app.example\\/qlik\\/api"'],
  ['"https:\\u002f\\u002Ftenant.eu.example\\u002fapi\\/x"', '"https:\\u002f\\u002fapp.example\\u002fqlik\\u002fapi\\/x"'],
  ['"https://tenant.eu.example\\u003fx"', '"https://app.example/qlik\\u003fx"'],
  ['"https://analytics.eu.example/api"', '"https://app.example/qlik/api"'],
  ['"wss://Analytics.eu.example:443"', '"wss://app.example/qlik"'],
  ['"https://tenant.eu.example#x"', '"https://app.example/qlik#x"'],
  ['{"a\\\\":"https://tenant.eu.example/x"}', '{"a\\\\":"https://app.example/qlik/x"}']
]

export const untouched = [
  '"https://tenant.eu.example.evil.example/x"',
  '"https://tenant.eu.example:8443/x"',
  '"https://tenantXeu.example/x"',
  '"https://other.example/?u=https://tenant.eu.example/x"',
  '"see https://tenant.eu.example/x"',
  '"he said \\"https://tenant.eu.example/x\\""',
  '"ftp://tenant.eu.example/x"',
  '"//tenant.eu.example/x"',
  '"https://tenant.eu.example@evil.example"',
  '"https://tenant.eu.example\\u002eevil.example"',
  '"https://tenant.eu.example\\"https://tenant.eu.example',
  '"https://analytics.eu.example.evil.example/x"',
  '"https://app.example/x"',
  '"ü € 😀"', '\uFEFF{}', '', '"', '"https:', '{"n":1.10,"e":1e400}'
]
