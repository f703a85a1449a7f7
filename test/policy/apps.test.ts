import t from 'tap'
import { kindOf } from '../../src/policy/access.js'
import { allowApps, appOf } from '../../src/policy/apps.js'

const decide = allowApps(['sales', '66a1f0c2-b7d9-4e3a'])
const judge = (path: string) => decide({ kind: kindOf(path), method: 'GET', path })

t.test('an app that is listed is served at all of its addresses', async t => {
  const paths = [
    '/app/sales', '/app/66a1f0c2-b7d9-4e3a', '/app/sales/identity/tab-1', '/app/sales/ttl/60', '/app/sales/identity/a%20b/ttl/60',
    '/api/v1/apps/sales', '/api/v1/apps/sales/data/metadata', '/api/v1/apps/sales/media/files/a%2Fb.png', '/sense/app/sales',
    '/sense/app/sales/sheet/one/state/analysis'
  ]
  t.same(paths.filter(path => judge(path) !== 'allow'), [])
})

t.test('what names no app in its path is not for this rule', async t => {
  t.same(
    ['/api/v1/items', '/api/v1/users/me', '/api/v1/reports', '/single/', '/sense/hub', '/api/v1/applications'].filter(
      path => judge(path) !== 'allow'
    ),
    []
  )
})

t.test('the app of a socket is read from its path', async t => {
  t.same(['/app/sales', '/app/sales/identity/x/ttl/5', '/app/engineData/x', '/app/'].map(appOf), ['sales', 'sales', undefined, undefined])
})
