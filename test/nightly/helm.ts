import { spawnSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { findBinary } from '../../bench/binaries.js'
import type { NetworkPolicy, Ingress } from 'kubernetes-types/networking/v1.js'
import type { Deployment } from 'kubernetes-types/apps/v1.js'
import {
  checkDraining,
  checkFiles,
  checkPods,
  checkReferences,
  checkTypes,
  configMapsOf,
  readManifests,
  type Manifest
} from '../deploy/manifests.js'
import { readSettings } from '../deploy/settings.js'

const helm = await findBinary('Helm') ?? ''
if (helm === '') throw new Error('Helm cannot be had: install Go 1.26 (https://go.dev/dl), which builds it once, in some minutes')
const settings = { QLIK_TENANT_URL: 'https://tenant.eu.qlikcloud.com', QLIK_CLIENT_ID: 'id', PUBLIC_URL: 'https://qlik.example.com' }
const kinds = ['ConfigMap', 'Deployment', 'Ingress', 'NetworkPolicy', 'PodDisruptionBudget', 'Service']

/** Runs a command of helm on the chart with these values. */
function runHelm (t: Test, words: string[], values: object) {
  const file = `${t.testdir({ 'values.yaml': stringify(values) })}/values.yaml`
  return spawnSync(helm, [...words, 'deploy/helm', '--kube-version', '1.30.0', '--values', file], { encoding: 'utf8' })
}

function render (t: Test, values: object): Manifest[] {
  const { status, stdout, stderr } = runHelm(t, ['template', 'qlik'], values)
  t.equal(status, 0, stderr)
  return readManifests(stdout)
}

const find = <Kind>(manifests: Manifest[], kind: string) => manifests.find(manifest => manifest.kind === kind) as Kind
const portsTo = (manifests: Manifest[]) =>
  find<NetworkPolicy>(manifests, 'NetworkPolicy').spec?.egress?.flatMap(({ ports = [] }) => ports.map(({ port }) => port))

function check (t: Test, manifests: Manifest[]): void {
  checkTypes(t, manifests)
  checkPods(t, manifests)
  t.equal(checkDraining(t, manifests), 1)
  checkReferences(t, manifests)
  checkFiles(t, manifests)
}

/** Every switch the other way than by default, and every list with something in it. */
const everything = {
  settings: {
    ...settings,
    PUBLIC_URL: 'https://www.example.com/qlik',
    SESSION_MAX_SECONDS: 1_604_800,
    LOG_SAMPLE: 0.5,
    LOGOUT_TENANT: true,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.monitoring:4318'
  },
  image: { digest: `sha256:${'0'.repeat(64)}` },
  imagePullSecrets: [{ name: 'registry' }],
  secret: { clientSecretKey: '', clientKeyKey: 'key', adminClientSecretKey: 'admin-secret', adminClientKeyKey: 'admin-key' },
  configFile: { configMapName: 'tenants', extraKeys: ['acme', 'globex'] },
  identityKeys: { configMapName: 'identity-keys' },
  authorities: { secretName: 'authorities' },
  tls: { secretName: 'pods' },
  sidecars: [
    {
      name: 'beside',
      image: 'beside',
      resources: { limits: { memory: '32Mi' } },
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }
    }
  ],
  redis: { urlFrom: { name: 'redis', key: 'url' }, peers: [{ ipBlock: { cidr: '10.1.2.0/24' } }] },
  extraEnv: [{ name: 'OTEL_EXPORTER_OTLP_HEADERS', valueFrom: { secretKeyRef: { name: 'collector', key: 'headers' } } }],
  extraEnvFrom: [{ secretRef: { name: 'more' } }],
  extraVolumes: [{ name: 'more', configMap: { name: 'more' } }],
  extraVolumeMounts: [{ name: 'more', mountPath: '/more', readOnly: true }],
  service: { annotations: { a: 'b' } },
  ingress: {
    className: 'alb',
    controller: 'alb',
    annotations: { 'alb.ingress.kubernetes.io/target-type': 'instance' },
    tlsSecretName: 'certificate'
  },
  metrics: { enabled: true, podMonitor: { enabled: true, labels: { release: 'prometheus' } } },
  networkPolicy: {
    collectorPeers: [{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'qlik-embed-gateway' } } }],
    extraEgress: [{ ports: [{ port: 3128 }] }]
  },
  autoscaling: { enabled: true },
  podAnnotations: { a: 'b' },
  podLabels: { a: 'b' },
  nodeSelector: { a: 'b' },
  tolerations: [{ key: 'a', operator: 'Exists' }],
  affinity: { nodeAffinity: {} },
  priorityClassName: 'high',
  serviceAccountName: 'gateway'
}

t.test('with what must be given, helm renders what Kubernetes and the gateway take', async t => {
  t.equal(runHelm(t, ['lint', '--strict'], { settings }).status, 0)
  const manifests = render(t, { settings })
  t.same(manifests.map(({ kind }) => kind).sort(), kinds)
  check(t, manifests)
  t.equal(readSettings(t, configMapsOf(manifests)[0]?.data ?? {}).publicUrl.href, 'https://qlik.example.com/')
  t.same(portsTo(manifests), [443, 53, 53], 'neither Redis nor a collector')
})

t.test('with every value given, helm renders what Kubernetes takes, and each value reaches its place', async t => {
  t.equal(runHelm(t, ['lint', '--strict'], everything).status, 0)
  const manifests = render(t, everything)
  t.same(manifests.map(({ kind }) => kind).sort(), [...kinds, 'HorizontalPodAutoscaler', 'PodMonitor'].sort())
  check(t, manifests)
  t.match(configMapsOf(manifests)[0]?.data, {
    SESSION_MAX_SECONDS: '1604800',
    LOG_SAMPLE: '0.5',
    LOGOUT_TENANT: 'true',
    ADMIN_HOST: '0.0.0.0',
    ADMIN_PORT: '9090',
    QLIK_CLIENT_SECRET_FILE: undefined,
    QLIK_CLIENT_KEY_FILE: '/run/secrets/qlik-gateway/client-key',
    QLIK_ADMIN_CLIENT_SECRET_FILE: '/run/secrets/qlik-gateway/admin-client-secret',
    QLIK_ADMIN_CLIENT_KEY_FILE: '/run/secrets/qlik-gateway/admin-client-key',
    SESSION_KEYS_FILE: '/run/secrets/qlik-gateway/session-keys',
    CONFIG_FILE: '/run/qlik-gateway-config/gateway.yaml',
    IDENTITY_KEYS_FILE: '/run/qlik-gateway-identity-keys/keys.json',
    NODE_EXTRA_CA_CERTS: '/run/qlik-gateway-authorities/ca.crt',
    TLS_CERT_FILE: '/run/qlik-gateway-tls/tls.crt',
    TLS_KEY_FILE: '/run/qlik-gateway-tls/tls.key'
  })
  const { spec } = find<Deployment>(manifests, 'Deployment')
  t.match(
    spec?.template.spec?.volumes?.[0]?.secret?.items?.map(({ path }) => path),
    ['session-keys', 'client-key', 'admin-client-secret', 'admin-client-key', 'acme', 'globex']
  )
  t.equal(spec?.template.spec?.containers[1]?.name, 'beside')
  t.equal(spec?.template.spec?.containers[0]?.readinessProbe?.httpGet?.scheme, 'HTTPS')
  t.equal(find<Ingress>(manifests, 'Ingress').metadata?.annotations?.['alb.ingress.kubernetes.io/backend-protocol'], 'HTTPS')
  t.equal(spec?.replicas, undefined, 'the autoscaler\'s')
  t.match(spec?.template.spec?.containers[0], {
    image: `qlik-embed-gateway@sha256:${'0'.repeat(64)}`,
    env: [{ name: 'REDIS_URL', valueFrom: { secretKeyRef: { name: 'redis', key: 'url' } } }, everything.extraEnv[0]],
    envFrom: [{}, everything.extraEnvFrom[0]]
  })
  t.match(find<Ingress>(manifests, 'Ingress').spec, {
    ingressClassName: 'alb',
    tls: [{ hosts: ['www.example.com'] }],
    rules: [{ host: 'www.example.com', http: { paths: [{ path: '/qlik' }] } }]
  })
  t.same(portsTo(manifests), [443, 53, 53, 6379, 4318, 3128])
  t.same(find<{ spec: unknown }>(manifests, 'PodMonitor').spec, {
    selector: spec?.selector,
    podMetricsEndpoints: [{ port: 'metrics', path: '/metrics', interval: '30s' }]
  })
})

t.test('a proxy beside the gateway has its socket, the Service leads to the proxy, and the pods are probed at the ' +
  'admin listener', async t => {
  const proxy = {
    ...everything.sidecars[0],
    name: 'proxy',
    ports: [{ name: 'http', containerPort: 8080 }],
    volumeMounts: [{ name: 'socket', mountPath: '/run/qlik-gateway' }]
  }
  const manifests = render(t, { settings, metrics: { enabled: true }, unixSocket: { enabled: true }, sidecars: [proxy] })
  check(t, manifests)
  t.match(configMapsOf(manifests)[0]?.data, { UNIX_SOCKET: '/run/qlik-gateway/http.sock', ADMIN_PORT: '9090' })
  const pod = find<Deployment>(manifests, 'Deployment').spec?.template.spec
  t.same(pod?.containers.map(({ ports }) => ports?.map(({ name }) => name)), [['metrics'], ['http']])
  t.same(
    pod?.containers.map(({ volumeMounts = [] }) => volumeMounts.find(({ name }) => name === 'socket')?.mountPath),
    ['/run/qlik-gateway', '/run/qlik-gateway']
  )
  const [gateway] = pod?.containers ?? []
  t.same(
    [gateway?.startupProbe, gateway?.livenessProbe, gateway?.readinessProbe].map(probe => probe?.httpGet?.port),
    ['metrics', 'metrics', 'metrics']
  )
})

t.test('several tenants need no settings of one, and the ingress has their hosts', async t => {
  const values = {
    configFile: { secretName: 'tenants' },
    secret: { clientSecretKey: '' },
    ingress: { hosts: [{ host: 'acme.example.com' }, { host: 'app.example.com', path: '/globex' }], tlsSecretName: 'certificate' }
  }
  const manifests = render(t, values)
  check(t, manifests)
  t.match(find<Deployment>(manifests, 'Deployment').spec?.template.spec?.volumes?.[1], {
    name: 'config',
    secret: { secretName: 'tenants' }
  })
  t.match(find<Ingress>(manifests, 'Ingress').spec, {
    tls: [{ hosts: ['acme.example.com', 'app.example.com'] }],
    rules: [
      { host: 'acme.example.com', http: { paths: [{ path: '/' }] } },
      { host: 'app.example.com', http: { paths: [{ path: '/globex' }] } }
    ]
  })
})

t.test('the network policy lets traces out to the port of their collector, whichever setting names it', async t => {
  for (const [name, url, port] of [
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://collector', 80],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'https://collector/base', 443],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'http://[fd00::1]:4319/v1/traces', 4319]
  ] as const) t.same(portsTo(render(t, { settings: { ...settings, [name]: url } })), [443, 53, 53, port], url)
})

t.test('the ingress has the limits of its controller, and the gateway keeps connections for longer than that', async t => {
  const annotations = (controller: string) =>
    find<Ingress>(render(t, { settings, ingress: { controller } }), 'Ingress').metadata?.annotations ?? {}
  t.same(annotations('none'), {})
  t.equal(annotations('nginx')['nginx.ingress.kubernetes.io/backend-protocol'], undefined, 'pods serve http')
  t.equal(
    find<Ingress>(render(t, { settings, tls: { secretName: 'pods' }, ingress: { controller: 'nginx' } }), 'Ingress').metadata
      ?.annotations?.['nginx.ingress.kubernetes.io/backend-protocol'],
    'HTTPS'
  )
  t.match(annotations('nginx'), {
    'nginx.ingress.kubernetes.io/proxy-read-timeout': '3600',
    'nginx.ingress.kubernetes.io/proxy-body-size': '0',
    'nginx.ingress.kubernetes.io/proxy-buffer-size': '32k'
  })
  const idle = /idle_timeout.timeout_seconds=(\d+)/.exec(
    annotations('alb')['alb.ingress.kubernetes.io/load-balancer-attributes'] ?? ''
  )?.[1]
  t.ok(Number(configMapsOf(render(t, { settings, ingress: { controller: 'alb' } }))[0]?.data?.KEEP_ALIVE_SECONDS) > Number(idle))
  t.equal(
    find<Ingress>(render(t, everything), 'Ingress').metadata?.annotations?.['alb.ingress.kubernetes.io/target-type'],
    'instance',
    'what is given wins'
  )
})

t.test('a changed setting makes other pods, and nothing else does', async t => {
  const annotations = (values: object) => find<Deployment>(render(t, values), 'Deployment').spec?.template.metadata?.annotations
  t.same(annotations({ settings }), annotations({ settings, replicas: 5 }))
  t.notSame(annotations({ settings }), annotations({ settings: { ...settings, LOG_LEVEL: 'debug' } }))
})

t.test('helm refuses what cannot work, and names it', async t => {
  for (const [values, name] of [
    [{}, /QLIK_TENANT_URL/],
    [{ settings: { ...settings, SESSION_KEYS: 'x' } }, /SESSION_KEYS/],
    [{ settings, redis: { url: 'redis://:password@redis' } }, /redis/],
    [{ settings, replica: 2 }, /replica/],
    [{ settings: { ...settings, TLS_CERT_FILE: '/x' } }, /TLS_CERT_FILE/],
    [{ settings, unixSocket: { enabled: true } }, /unixSocket needs metrics\.enabled/],
    [{ configFile: { configMapName: 'tenants' } }, /ingress\.hosts must list/],
    [{ settings, metrics: { podMonitor: { enabled: true } } }, /metrics\.podMonitor needs metrics\.enabled/]
  ] as const) {
    const { status, stderr } = runHelm(t, ['template', 'qlik'], values)
    t.equal(status, 1)
    t.match(stderr, name)
  }
})
