import t from 'tap'
import { visitDemo } from '../../sandbox/test/demo-visit.js'

t.test('the command of the README builds the demo, serves the dashboard, signs in and stops cleanly', async t => {
  await visitDemo(t, ['npm', 'run', 'demo'])
})
