import t from 'tap'
import { kindOf } from '../../src/policy/access.js'
import { allowApi, isApiEntry } from '../../src/policy/api.js'

const decide = allowApi(['embed', 'GET /api/v1/collections/:id/items', '* /api/v1/notes/*', 'DELETE /api/v1/items/:id'])
const judge = (call: string) => {
  const [method, path] = call.split(' ') as [string, string]
  return decide({ kind: kindOf(path), method, path })
}

t.test('calls of the list pass, with those that Qlik\'s clients begin with, and what lies outside of /api', async t => {
  const calls = [
    'GET /api/v1/items', 'HEAD /api/v1/items', 'GET /api/v1/users/me', 'GET /api/v1/users/66a1f0c2b7d94e3a5c8f1a01',
    'GET /api/v1/boot/core-init', 'POST /api/v1/reports', 'GET /api/v1/apps/sales/media/files/a%20b.png',
    'GET /api/v1/collections/one/items', 'PATCH /api/v1/notes/one', 'DELETE /api/v1/notes/one/two', 'DELETE /api/v1/items/one',
    'GET /app/sales', 'GET /single/', 'GET /sense/app/sales'
  ]
  t.same(calls.filter(call => judge(call) !== 'allow'), [])
})

t.test('all else below /api is refused', async t => {
  const calls = [
    'POST /api/v1/items', 'PUT /api/v1/items/one', 'GET /api/v1/collections', 'POST /api/v1/collections/one/items',
    'GET /api/v1/notes', 'GET /api/v1/users', 'POST /api/v1/users/me', 'OPTIONS /api/v1/items', 'GET /api',
    'GET /api/v1/api-keys', 'POST /api/v1/apps', 'GET /api/v1/apps',
    'PUT /api/v1/apps/sales', 'DELETE /api/v1/apps/sales', 'POST /api/v1/apps/sales/copy', 'GET /api/v1/items/',
    'GET /api/v1/items/one/two', 'GET /api/v2/items'
  ]
  t.same(calls.filter(call => judge(call) !== 'GW-POLICY-API'), [])
})

t.test('an entry is a method and a pattern below /api, or the name of the list', async t => {
  t.same(['embed', 'GET /api/v1/items', '* /api/v1/*', 'POST /api/v1/apps/:id(\\w+)/x'].filter(entry => !isApiEntry(entry)), [])
  t.same(
    [
      'GET', '/api/v1/items', 'GET /v1/items', 'get /api/v1/items', 'TRACE /api/v1/items', 'GET  /api/v1/items',
      'GET /api/v1/:id(', 'GET /api/v1/{'
    ].filter(isApiEntry),
    []
  )
})
