import { spawnSync } from 'node:child_process'
import type { Test } from 'tap'
import type { Deployment } from 'kubernetes-types/apps/v1.js'
import type { ConfigMap, Container, PodSpec } from 'kubernetes-types/core/v1.js'
import { parseAllDocuments } from 'yaml'
import { bare } from '../helpers/bare-node.js'

export interface Manifest { apiVersion: string, kind: string, metadata: { name: string }, spec?: unknown }

// Modules of Kubernetes' own types. Kinds of others, which have none there, are in `foreign`.
const modules = new Map([
  ['v1', 'core/v1'],
  ['apps/v1', 'apps/v1'],
  ['policy/v1', 'policy/v1'],
  ['networking.k8s.io/v1', 'networking/v1'],
  ['autoscaling/v2', 'autoscaling/v2']
])
const foreign = ['monitoring.coreos.com/v1']

export function readManifests (text: string): Manifest[] {
  return parseAllDocuments(text, { merge: true }).map(document => document.toJS() as Manifest)
}

export function configMapsOf (manifests: Manifest[]): ConfigMap[] {
  return manifests.filter(({ kind }) => kind === 'ConfigMap') as ConfigMap[]
}

const deploymentsOf = (manifests: Manifest[]) => manifests.filter(({ kind }) => kind === 'Deployment') as Deployment[]
const podOf = (deployment: Deployment) => deployment.spec?.template.spec as PodSpec
const containersOf = (pod: PodSpec): Container[] => [...pod.initContainers ?? [], ...pod.containers]

/** They are what Kubernetes' own types say, without a field too many. */
export function checkTypes (t: Test, manifests: Manifest[]): void {
  const typed = manifests.filter(({ apiVersion }) => !foreign.includes(apiVersion))
  // Literals with a type are checked for fields that it does not have.
  const lines = typed.flatMap((manifest, number) => [
    `import type { ${manifest.kind} as Kind${number} } from 'kubernetes-types/${modules.get(manifest.apiVersion)}.js'`,
    `const manifest${number}: Kind${number} = ${JSON.stringify(manifest)}`
  ])
  const file = `${t.testdir({ 'manifests.ts': `${lines.join('\n')}\nexport {}\n` })}/manifests.ts`
  const [command, ...words] = [
    ...bare, 'npm', 'run', '--silent', 'tsc', '--', '--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', file
  ]
  const { status, stdout } = spawnSync(command, words, { encoding: 'utf8' })
  t.same([status, stdout], [0, ''])
}

/** Pods satisfy the restricted standard, write nowhere and are told no token of the cluster. */
export function checkPods (t: Test, manifests: Manifest[]): void {
  for (const deployment of deploymentsOf(manifests)) {
    const pod = podOf(deployment)
    t.match(pod, {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }
    })
    for (const { name, securityContext, resources } of containersOf(pod)) {
      t.match(securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }, name)
      t.ok(resources?.limits?.memory, name)
    }
  }
}

/** A gateway is asked for its health and readiness, and has the time to drain that it was told. Returns how many there are. */
export function checkDraining (t: Test, manifests: Manifest[]): number {
  let gateways = 0
  for (const deployment of deploymentsOf(manifests)) {
    const pod = podOf(deployment)
    const gateway = containersOf(pod).find(({ image }) => image?.startsWith('qlik-embed-gateway'))
    if (gateway === undefined) continue
    gateways++
    t.match(gateway, { livenessProbe: { httpGet: { path: '/healthz' } }, readinessProbe: { httpGet: { path: '/readyz' } } })
    const map = configMapsOf(manifests).find(({ metadata }) => metadata?.name === gateway.envFrom?.[0]?.configMapRef?.name)
    const preStop = Math.max(...containersOf(pod).map(({ lifecycle }) => lifecycle?.preStop?.sleep?.seconds ?? 0))
    t.ok(Number(map?.data?.SHUTDOWN_GRACE_SECONDS) + preStop < (pod.terminationGracePeriodSeconds ?? 0), deployment.metadata?.name ?? '')
  }
  return gateways
}

/** Every folder in which a setting names a file is mounted into the gateway, and every mount has its volume. */
export function checkFiles (t: Test, manifests: Manifest[]): void {
  for (const deployment of deploymentsOf(manifests)) {
    const pod = podOf(deployment)
    for (const { name, volumeMounts = [], envFrom = [] } of containersOf(pod)) {
      for (const mount of volumeMounts) t.ok(pod.volumes?.some(volume => volume.name === mount.name), `${name}: ${mount.name}`)
      const settings = configMapsOf(manifests)
        .filter(({ metadata }) => envFrom.some(({ configMapRef }) => configMapRef?.name === metadata?.name))
        .flatMap(({ data = {} }) => Object.entries(data))
      const files = settings.filter(([setting]) => setting.endsWith('_FILE') || ['UNIX_SOCKET', 'NODE_EXTRA_CA_CERTS'].includes(setting))
      for (const [setting, path] of files) {
        t.ok(volumeMounts.some(({ mountPath }) => mountPath === path.slice(0, path.lastIndexOf('/'))), `${setting}: ${path}`)
      }
    }
  }
}

/** Every selector finds the pods of its workload, every named port is one of theirs. */
export function checkReferences (t: Test, manifests: Manifest[]): void {
  const templates = deploymentsOf(manifests).map(deployment => deployment.spec?.template)
  const services = manifests.filter(({ kind }) => kind === 'Service')
  for (const { kind, metadata, spec } of manifests) {
    for (const [, selector = ''] of JSON.stringify(spec ?? {}).matchAll(/"(?:selector|podSelector)":({(?:"matchLabels":)?{?[^{}]*}?})/g)) {
      const wanted = Object.entries(
        (JSON.parse(selector.includes('matchLabels') ? selector : `{"matchLabels":${selector}}`) as { matchLabels: Record<string, string> })
          .matchLabels
      )
      t.ok(
        templates.some(template => wanted.every(([name, value]) => template?.metadata?.labels?.[name] === value)),
        `${kind} ${metadata.name}: ${selector}`
      )
    }
    for (const [, port = ''] of JSON.stringify(spec ?? {}).matchAll(/"(?:port|targetPort)":"([a-z]+)"/g)) {
      const ports = templates
        .flatMap(template => containersOf(template?.spec as PodSpec))
        .flatMap(container => container.ports?.map(({ name }) => name))
      t.ok(
        ports.includes(port) || services.some(service => JSON.stringify(service.spec).includes(`"name":"${port}"`)),
        `${kind} ${metadata.name}: port ${port}`
      )
    }
  }
}
