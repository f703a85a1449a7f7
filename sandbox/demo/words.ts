import type { Cell } from '../data/app.js'
import { apps } from '../data/apps.js'
import type { Identity } from '../identities.js'

/** What the message at the end of the start contains. */
export interface Announcement {
  address: string
  tenant: string
  identityProvider: string
  users: readonly Identity[]
  settings: Record<string, string>
  tokenSeconds: number
}

/** The message that is printed when everything runs. */
export function announce ({ address, tenant, identityProvider, users, settings, tokenSeconds }: Announcement): string {
  return [
    '',
    `  Open  ${address}`,
    '',
    '  Sign in as',
    ...table(users.map(user => [user.email, `password ${user.password}`, `sees ${describeRows(user)}`])),
    '    Use a private window for the second one: like a real identity provider, the stand-in remembers who signed in.',
    '',
    '  What runs here',
    ...table([
      ['the gateway', address, 'the real one, from dist/'],
      ['a stand-in tenant', tenant, `access tokens live ${describeDuration(tokenSeconds)}`],
      ['a stand-in for Okta', identityProvider, 'to which the tenant sends people to sign in']
    ]),
    '',
    '  The gateway was started with',
    ...Object.entries(settings).map(([name, value]) => `    ${name}=${value}`),
    '',
    '  DEMO_TOKEN_SECONDS=3 npm run demo shows tokens being renewed every three seconds.',
    '  Ctrl-C stops everything.',
    ''
  ].join('\n')
}

/** The regions of the first app whose rows a user sees, by the app's section access. */
function describeRows ({ groups }: Identity): string {
  const [app] = apps
  const table = app?.tables.find(({ fields }) => fields.includes(app.sectionAccess.field))
  if (app === undefined || table === undefined) return 'nothing'
  const area = table.fields.indexOf(app.sectionAccess.field)
  const region = table.fields.indexOf('Region')
  const regions = new Set(table.rows.filter(row => groups.includes(readText(row[area]))).map(row => readText(row[region])))
  return [...regions].join(', ')
}

function readText (cell: Cell | undefined): string {
  return typeof cell === 'object' ? cell?.text ?? '' : String(cell)
}

function describeDuration (seconds: number): string {
  if (seconds % 3600 === 0) return seconds === 3600 ? 'an hour' : `${seconds / 3600} hours`
  return seconds === 1 ? 'a second' : `${seconds} seconds`
}

function table (rows: string[][]): string[] {
  const widths = rows[0]?.map((_cell, column) => Math.max(...rows.map(row => row[column]?.length ?? 0))) ?? []
  return rows.map(row => `    ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ').trimEnd()}`)
}
