import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { checkDraining, checkFiles, checkPods, checkReferences, checkTypes, configMapsOf, readManifests } from './manifests.js'
import { readFileSettings, readSettings } from './settings.js'

const folder = 'deploy/kubernetes'
const manifests = readdirSync(folder).flatMap(file => readManifests(readFileSync(`${folder}/${file}`, 'utf8')))

t.test('the manifests are what Kubernetes\' own types say, without a field too many', t => {
  t.ok(manifests.length > 10)
  checkTypes(t, manifests)
  t.end()
})

t.test('the gateway takes the settings of the manifests', async t => {
  const maps = configMapsOf(manifests)
  const ofOne = maps.filter(({ data = {} }) => data.PUBLIC_URL !== undefined)
  t.equal(ofOne.length, 2)
  for (const { metadata, data = {} } of ofOne) t.equal(readSettings(t, data).publicUrl.href, `${data.PUBLIC_URL}/`, metadata?.name ?? '')

  const { data: files = {} } = maps.find(({ metadata }) => metadata?.name === 'qlik-gateway-config') ?? {}
  const { data: settings = {} } = maps.find(({ data = {} }) => data.CONFIG_FILE !== undefined) ?? {}
  t.equal(settings.CONFIG_FILE, '/run/qlik-gateway-config/gateway.yaml')
  t.same(await readFileSettings(t, settings, files), ['https://acme.example.com/', 'https://globex.example.com/'])
})

t.test('every file that a setting names is mounted', t => {
  checkFiles(t, manifests)
  t.end()
})

t.test('pods satisfy the restricted standard, write nowhere and are told no token of the cluster', t => {
  checkPods(t, manifests)
  t.end()
})

t.test('a gateway is asked for its health and readiness, and has the time to drain that it was told', t => {
  t.equal(checkDraining(t, manifests), 3)
  t.end()
})

t.test('every selector finds the pods of its workload, every named port is one of theirs', t => {
  checkReferences(t, manifests)
  t.end()
})
