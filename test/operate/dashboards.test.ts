import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { parse, stringify } from 'yaml'
import { errorTable } from '../../src/errors.js'
import { createMetrics } from '../../src/operate/metrics.js'
import { createSignals } from '../../src/signals.js'

interface Rules {
  groups: { rules: { alert: string, expr: string, labels: { severity: string }, annotations: { summary: string, runbook: string } }[] }[]
}
interface Dashboard {
  panels: { title: string, targets: { expr: string, legendFormat: string }[] }[]
  templating: { list: { name: string, query: string | { query: string } }[] }
}

const alertsFile = 'deploy/alerts.yaml'
const alerts = (parse(readFileSync(alertsFile, 'utf8')) as Rules).groups.flatMap(({ rules }) => rules)
const dashboard = JSON.parse(readFileSync('deploy/grafana-dashboard.json', 'utf8')) as Dashboard
const queries = [
  ...alerts.map(({ alert, expr }) => [alert, expr] as const),
  ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
  ...dashboard.templating.list.map(({ query }) => ['a variable', typeof query === 'string' ? '' : query.query] as const)
]

/** The names of a registry as they are queried, with their labels. */
async function namesToQuery (): Promise<Map<string, string[]>> {
  const signals = createSignals()
  const metrics = createMetrics(signals)
  signals.emit('redisChanged', 'here')
  const names = new Map<string, string[]>()
  for (const [, name = '', type] of (await metrics.text()).matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    for (const ending of type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) names.set(name + ending, [])
  }
  const documented = readFileSync('docs/operations.md', 'utf8').matchAll(/^\| (`qlik_gateway_.+?) \| (\w+) \| (.*?) \|/gm)
  for (const [, metricNames = '', type, labels = ''] of documented) {
    for (const [name] of metricNames.matchAll(/\w+/g)) {
      for (const ending of type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) {
        names.set(name + ending, [...labels.matchAll(/\w+/g)].map(([label]) => label))
      }
    }
  }
  return names
}

t.test('every metric and label of the alerts and the dashboard exists', async t => {
  const names = await namesToQuery()
  t.ok(queries.length > 30)
  const missing: string[] = []
  const demand = (exists: boolean, what: string) => { if (!exists) missing.push(what) }
  for (const [title, expr] of queries) {
    for (const [, name = '', matchers = ''] of expr.matchAll(/\b((?:qlik_gateway|nodejs|process)_\w+)(?:\{(.*?)\})?/g)) {
      demand(names.has(name), `${title}: ${name}`)
      for (const [, label = ''] of matchers.matchAll(/(\w+)=~?"/g)) {
        demand(['job', ...names.get(name) ?? []].includes(label), `${title}: ${name} by ${label}`)
      }
    }
    // A sum by a label that is not there is one sum, and looks like an answer.
    for (const [, grouped = '', name = ''] of expr.matchAll(/\bby \((.+?)\) \(.*?\b((?:qlik_gateway|nodejs|process)_\w+)/g)) {
      for (const [label] of grouped.matchAll(/\w+/g)) {
        demand(
          ['job', 'instance', ...name.endsWith('_bucket') ? ['le'] : [], ...names.get(name) ?? []].includes(label),
          `${title}: ${name} by ${label}`
        )
      }
    }
    for (const [code] of expr.matchAll(/GW-[A-Z-]+/g)) demand(code in errorTable, `${title}: ${code}`)
  }
  t.same(missing, [])
})

t.test('a legend names labels that its query keeps', async t => {
  t.same(dashboard.panels.flatMap(({ targets }) => targets).filter(({ expr, legendFormat }) => {
    const kept = /\bby \((.+?)\)/.exec(expr)?.[1]?.split(', ') ?? []
    return [...legendFormat.matchAll(/{{(\w+)}}/g)].some(([, label = '']) => !kept.includes(label))
  }), [])
})

t.test('what has a tenant is shown and told by tenant: one that is silent hides no other, and one that fails is named', async t => {
  const names = await namesToQuery()
  const ofTenants = [...names].filter(([, labels]) => labels.includes('tenant')).map(([name]) => name)
  t.ok(ofTenants.length > 20)
  t.same(dashboard.panels.flatMap(({ targets }) => targets).filter(({ expr }) =>
    [...expr.matchAll(/\b(qlik_gateway_\w+)\{(.*?)\}/g)].some(([, name = '', matchers = '']) =>
      matchers.includes('tenant=~"$tenant"') !== ofTenants.includes(name))), [])
  t.same(alerts.filter(({ expr }) => {
    const isOfTenant = !expr.includes('GW-INTERNAL') && [...expr.matchAll(/qlik_gateway_\w+/g)].every(([name]) => ofTenants.includes(name))
    return [...expr.matchAll(/\bby \((.+?)\)/g)].some(([, grouped = '']) => grouped.includes('tenant') !== isOfTenant)
  }), [])
  // With `All`, a gateway of one tenant has no label, which `.*` matches.
  t.match(dashboard.templating.list.find(({ name }) => name === 'tenant'), { includeAll: true, allValue: '.*' })
})

t.test('every metric of the gateway is on the dashboard', async t => {
  const shown = JSON.stringify(dashboard)
  const names = [...readFileSync('docs/operations.md', 'utf8').matchAll(/^\| (`qlik_gateway_.+?) \|/gm)]
    .flatMap(([, names = '']) => [...names.matchAll(/\w+/g)].map(([name]) => name))
  t.ok(names.length > 20)
  t.same(names.filter(name => !shown.includes(name)), [])
})

t.test('every alert leads to a paragraph that says what to do', async t => {
  const headings = [...readFileSync('docs/operations.md', 'utf8').matchAll(/^### (.+)$/gm)].map(([, heading = '']) =>
    heading.toLowerCase().replaceAll(' ', '-')
  )
  t.ok(alerts.length > 5)
  for (const { alert, annotations } of alerts) t.ok(headings.includes(annotations.runbook.replace('docs/operations.md#', '')), alert)
})

/** Prometheus's own tool; without it this test fails and does not pass for one that ran. */
function promtool (...words: string[]): { status: number | null, output: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', words, { encoding: 'utf8' })
  return {
    status,
    output: error === undefined ? stdout + stderr : `promtool cannot be started (${error.message}): install it (apt-get install prometheus)`
  }
}

t.test('Prometheus takes the alerts, and the queries of the dashboard', async t => {
  const rules = dashboard.panels
    .flatMap(({ targets }) => targets)
    .map(({ expr }, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$job', '.+').replaceAll('$tenant', '.*')
    }))
  const panels = `${t.testdir({})}/panels.yaml`
  writeFileSync(panels, stringify({ groups: [{ name: 'panels', rules }] }))
  for (const file of [alertsFile, panels]) {
    const { status, output } = promtool('check', 'rules', file)
    t.equal(status, 0, output)
  }
})

t.test('an alert names the tenant that it is about, and holds with several series of one process', async t => {
  const of = (tenant: string) => `job="gateway",instance="one",tenant="${tenant}"`
  const tests = [{
    interval: '1m',
    input_series: [
      { series: `qlik_gateway_token_refusals_total{${of('acme')},by="client"}`, values: '0+10x30' },
      { series: `qlik_gateway_token_refusals_total{${of('globex')},by="client"}`, values: '0+0x30' },
      ...['acme', 'globex'].map(tenant => ({ series: `qlik_gateway_session_keys{${of(tenant)}}`, values: '1+0x30' })),
      { series: 'qlik_gateway_build_info{job="gateway",instance="one",version="1",node="20"}', values: '1+0x30' },
      { series: 'nodejs_eventloop_lag_p99_seconds{job="gateway",instance="one"}', values: '1+0x30' },
      { series: 'nodejs_eventloop_lag_p99_seconds{job="another",instance="two"}', values: '1+0x30' }
    ],
    alert_rule_test: [
      raised('QlikClientRefused', { job: 'gateway', tenant: 'acme' }),
      raised('QlikGatewayBusy', { job: 'gateway', instance: 'one' })
    ]
  }]
  testRules(t, tests)
})

t.test('what fails from the start, without one success, raises its alert', async t => {
  const cases: [alertname: string, failing: string][] = [
    ['QlikTokensNotRenewed', 'qlik_gateway_refreshes_total{outcome="failed",job="gateway"}'],
    ['QlikClientRefused', 'qlik_gateway_token_refusals_total{by="client",job="gateway"}'],
    ['QlikLoginsEnd', 'qlik_gateway_refreshes_total{outcome="refused",job="gateway"}'],
    ['QlikLoginsFail', 'qlik_gateway_refusals_total{code="GW-LOGIN-STATE",route="/login/callback",job="gateway"}']
  ]
  // What a gateway tells before anything has happened.
  const silent = [...(await createMetrics(createSignals()).text()).matchAll(/^(qlik_gateway_\w+{.+)} 0$/gm)].map(
    ([, series]) => `${series},job="gateway"}`
  )
  testRules(t, cases.map(([alertname, failing]) => ({
    interval: '1m',
    input_series: [
      { series: failing, values: '0+10x30' },
      ...silent.filter(series => series !== failing).map(series => ({ series, values: '0+0x30' }))
    ],
    alert_rule_test: [raised(alertname, { job: 'gateway' })]
  })))
})

t.test('gateways that are gone, that restart, whose log is not read or whose Redis is away raise their alerts; one ' +
  'restart of each raises none', t => {
  const instances = ['a', 'b', 'c']
  const of = (name: string, instance: string) => `${name}{job="gateway",instance="${instance}"}`
  const running = instances.map(instance => ({
    series: `qlik_gateway_build_info{job="gateway",instance="${instance}",version="1",node="v24"}`,
    values: '1x30'
  }))
  const starts = (values: string) => instances.map(instance => ({ series: of('process_start_time_seconds', instance), values }))
  const cases: [series: { series: string, values: string }[], alert_rule_test: object][] = [
    [[], raised('QlikGatewayDown', {})],
    [running, quiet('QlikGatewayDown')],
    [[...running, ...starts('1x20 2x10')], quiet('QlikGatewayRestarts')],
    [[...running, ...starts('1x20 2x3 3x6')], raised('QlikGatewayRestarts', { job: 'gateway' })],
    [[...running, { series: of('process_start_time_seconds', 'elsewhere'), values: '0+1x30' }], quiet('QlikGatewayRestarts')],
    [[...running, { series: of('qlik_gateway_log_lines_dropped_total', 'a'), values: '0x20 1x10' }],
      raised('QlikLogLinesDropped', { job: 'gateway' })],
    [[...running, { series: of('qlik_gateway_log_lines_dropped_total', 'a'), values: '5x30' }], quiet('QlikLogLinesDropped')],
    [[...running, { series: of('qlik_gateway_redis_up', 'c'), values: '0x30' }], raised('QlikRedisAway', { job: 'gateway', instance: 'c' })]
  ]
  testRules(t, cases.map(([series, test]) => ({ interval: '1m', input_series: series, alert_rule_test: [test] })))
  t.end()
})

function raised (alertname: string, series: Record<string, string>): object {
  const { labels, annotations } = alerts.find(({ alert }) => alert === alertname) as Rules['groups'][0]['rules'][0]
  return { alertname, eval_time: '30m', exp_alerts: [{ exp_labels: { ...series, ...labels }, exp_annotations: annotations }] }
}

function quiet (alertname: string): object {
  return { alertname, eval_time: '30m', exp_alerts: [] }
}

function testRules (t: Test, tests: object[]): void {
  const file = `${t.testdir({})}/tests.yaml`
  writeFileSync(file, stringify({ rule_files: [`${process.cwd()}/${alertsFile}`], evaluation_interval: '1m', tests }))
  const { status, output } = promtool('test', 'rules', file)
  t.equal(status, 0, output)
}
