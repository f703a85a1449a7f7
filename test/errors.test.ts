import t from 'tap'
import { placeholder } from '../src/errors.js'

t.test('x', async t => { t.equal(placeholder, 1) })
