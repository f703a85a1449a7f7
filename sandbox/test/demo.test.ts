import t from 'tap'
import { bareNode } from '../../test/helpers/bare-node.js'
import { visitDemo } from './demo-visit.js'

t.test('the demo serves the dashboard, signs in and stops cleanly', async t => {
  await visitDemo(t, [...bareNode, 'build/sandbox/demo.js'])
})
