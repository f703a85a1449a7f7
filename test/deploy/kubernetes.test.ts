import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import ts from 'typescript'
import type { Deployment } from 'kubernetes-types/apps/v1.js'
import type { ConfigMap, Container, PodSpec } from 'kubernetes-types/core/v1.js'
import { parseAllDocuments } from 'yaml'
import { readSettings } from './settings.js'

interface Manifest { apiVersion: string, kind: string, metadata: { name: string }, spec?: unknown }

const folder = 'deploy/kubernetes'
const manifests = readdirSync(folder).flatMap(file => parseAllDocuments(readFileSync(`${folder}/${file}`, 'utf8'), { merge: true })
  .map(document => ({ file, manifest: document.toJS() as Manifest })))
const named = (kind: string) => manifests.filter(({ manifest }) => manifest.kind === kind).map(({ manifest }) => manifest)
const deployments = named('Deployment') as Deployment[]
const podOf = (deployment: Deployment) => deployment.spec?.template.spec as PodSpec
const containersOf = (pod: PodSpec): Container[] => [...pod.initContainers ?? [], ...pod.containers]

t.test('the manifests are what Kubernetes\' own types say, without a field too many', t => {
  const modules = new Map([['v1', 'core/v1'], ['apps/v1', 'apps/v1'], ['policy/v1', 'policy/v1'], ['networking.k8s.io/v1', 'networking/v1']])
  // Literals with a type are checked for fields that it does not have.
  const lines = manifests.map(({ manifest }, number) => `import type { ${manifest.kind} as Kind${number} } from 'kubernetes-types/${modules.get(manifest.apiVersion)}.js'
const manifest${number}: Kind${number} = ${JSON.stringify(manifest)}`)
  const file = `${t.testdir({ 'manifests.ts': `${lines.join('\n')}\nexport {}\n` })}/manifests.ts`
  const program = ts.createProgram([file], { strict: true, noEmit: true, skipLibCheck: true, types: [], module: ts.ModuleKind.NodeNext, lib: ['lib.es2022.d.ts'] })
  t.same(ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')), [])
  t.ok(manifests.length > 10)
  t.end()
})

t.test('the gateway takes the settings of the manifests', t => {
  const maps = named('ConfigMap') as ConfigMap[]
  t.equal(maps.length, 2)
  for (const { metadata, data = {} } of maps) t.equal(readSettings(t, data).publicUrl.href, `${data.PUBLIC_URL}/`, metadata?.name ?? '')
  t.end()
})

t.test('pods satisfy the restricted standard, write nowhere and are told no token of the cluster', t => {
  for (const deployment of deployments) {
    const pod = podOf(deployment)
    t.match(pod, { automountServiceAccountToken: false, securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } })
    for (const { name, securityContext, resources } of containersOf(pod)) {
      t.match(securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }, name)
      t.ok(resources?.limits?.memory, name)
    }
  }
  t.end()
})

t.test('a gateway is asked for its health and readiness, and has the time to drain that it was told', t => {
  let gateways = 0
  for (const deployment of deployments) {
    const pod = podOf(deployment)
    const gateway = containersOf(pod).find(({ image }) => image === 'qlik-embed-gateway')
    if (gateway === undefined) continue
    gateways++
    t.match(gateway, { livenessProbe: { httpGet: { path: '/healthz' } }, readinessProbe: { httpGet: { path: '/readyz' } } })
    const map = (named('ConfigMap') as ConfigMap[]).find(({ metadata }) => metadata?.name === gateway.envFrom?.[0]?.configMapRef?.name)
    const preStop = Math.max(...containersOf(pod).map(({ lifecycle }) => lifecycle?.preStop?.sleep?.seconds ?? 0))
    t.ok(Number(map?.data?.SHUTDOWN_GRACE_SECONDS) + preStop < (pod.terminationGracePeriodSeconds ?? 0), deployment.metadata?.name ?? '')
  }
  t.equal(gateways, 2)
  t.end()
})

t.test('every selector finds the pods of its workload, every named port is one of theirs', t => {
  const templates = deployments.map(deployment => deployment.spec?.template)
  for (const { file, manifest } of manifests) {
    for (const [, selector = ''] of JSON.stringify(manifest.spec ?? {}).matchAll(/"(?:selector|podSelector)":({(?:"matchLabels":)?{?[^{}]*}?})/g)) {
      const wanted = Object.entries((JSON.parse(selector.includes('matchLabels') ? selector : `{"matchLabels":${selector}}`) as { matchLabels: Record<string, string> }).matchLabels)
      t.ok(templates.some(template => wanted.every(([name, value]) => template?.metadata?.labels?.[name] === value)), `${file}: ${manifest.kind} ${selector}`)
    }
    for (const [, port = ''] of JSON.stringify(manifest.spec ?? {}).matchAll(/"(?:port|targetPort)":"([a-z]+)"/g)) {
      const ports = templates.flatMap(template => containersOf(template?.spec as PodSpec)).flatMap(container => container.ports?.map(({ name }) => name))
      t.ok(ports.includes(port) || named('Service').some(service => JSON.stringify(service.spec).includes(`"name":"${port}"`)), `${file}: port ${port}`)
    }
  }
  t.end()
})
