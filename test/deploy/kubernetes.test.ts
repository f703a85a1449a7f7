import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { checkDraining, checkPods, checkReferences, checkTypes, configMapsOf, readManifests } from './manifests.js'
import { readSettings } from './settings.js'

const folder = 'deploy/kubernetes'
const manifests = readdirSync(folder).flatMap(file => readManifests(readFileSync(`${folder}/${file}`, 'utf8')))

t.test('the manifests are what Kubernetes\' own types say, without a field too many', t => {
  t.ok(manifests.length > 10)
  checkTypes(t, manifests)
  t.end()
})

t.test('the gateway takes the settings of the manifests', t => {
  const maps = configMapsOf(manifests)
  t.equal(maps.length, 2)
  for (const { metadata, data = {} } of maps) t.equal(readSettings(t, data).publicUrl.href, `${data.PUBLIC_URL}/`, metadata?.name ?? '')
  t.end()
})

t.test('pods satisfy the restricted standard, write nowhere and are told no token of the cluster', t => {
  checkPods(t, manifests)
  t.end()
})

t.test('a gateway is asked for its health and readiness, and has the time to drain that it was told', t => {
  t.equal(checkDraining(t, manifests), 2)
  t.end()
})

t.test('every selector finds the pods of its workload, every named port is one of theirs', t => {
  checkReferences(t, manifests)
  t.end()
})
