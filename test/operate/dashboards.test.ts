import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { errorTable } from '../../src/errors.js'
import { createMetrics } from '../../src/operate/metrics.js'
import { createSignals } from '../../src/signals.js'

interface Rules { groups: { rules: { alert: string, expr: string, annotations: { summary: string, runbook: string } }[] }[] }
interface Dashboard { panels: { title: string, targets: { expr: string }[] }[], templating: { list: { query: string | { query: string } }[] } }

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
      for (const ending of type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) names.set(name + ending, [...labels.matchAll(/\w+/g)].map(([label]) => label))
    }
  }
  return names
}

t.test('every metric and label of the alerts and the dashboard exists', async t => {
  const names = await namesToQuery()
  t.ok(queries.length > 30)
  for (const [title, expr] of queries) {
    for (const [, name = '', matchers = ''] of expr.matchAll(/\b((?:qlik_gateway|nodejs|process)_\w+)(?:\{(.*?)\})?/g)) {
      t.ok(names.has(name), `${title}: ${name}`)
      for (const [, label = ''] of matchers.matchAll(/(\w+)=~?"/g)) t.ok(['job', ...names.get(name) ?? []].includes(label), `${title}: ${name} by ${label}`)
    }
    for (const [code] of expr.matchAll(/GW-[A-Z-]+/g)) t.ok(code in errorTable, `${title}: ${code}`)
  }
})

t.test('every metric of the gateway is on the dashboard', async t => {
  const shown = JSON.stringify(dashboard)
  const documented = readFileSync('docs/operations.md', 'utf8').matchAll(/^\| (`qlik_gateway_.+?) \|/gm)
  for (const [, names = ''] of documented) for (const [name] of names.matchAll(/\w+/g)) t.ok(shown.includes(name), name)
})

t.test('every alert leads to a paragraph that says what to do', async t => {
  const headings = [...readFileSync('docs/operations.md', 'utf8').matchAll(/^### (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase().replaceAll(' ', '-'))
  t.ok(alerts.length > 5)
  for (const { alert, annotations } of alerts) t.ok(headings.includes(annotations.runbook.replace('docs/operations.md#', '')), alert)
})

const installed = spawnSync('promtool', ['--version']).status === 0
t.test('Prometheus takes the alerts', { skip: installed ? false : 'promtool is not installed (apt-get install prometheus)' }, async t => {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', alertsFile], { encoding: 'utf8' })
  t.equal(status, 0, stdout + stderr)
})
