import t from 'tap'
import { joinTables } from '../engine/associations/join.js'
import { matchValue, matchWhole } from '../engine/associations/search.js'
import { parseExpression, parseFieldName } from '../engine/expressions/expression.js'
import { formatNumber } from '../engine/expressions/number-format.js'

t.test('numbers are written by their pattern', async t => {
  const cases: [number: number, pattern: string, text: string][] = [
    [1234567.891, '#,##0', '1,234,568'],
    [1234567.891, '#,##0.00', '1,234,567.89'],
    [1234.5, '0', '1235'],
    [1234.5, '#,##0.##', '1,234.5'],
    [1234, '#,##0.0#', '1,234.0'],
    [0.12345, '0.0%', '12.3%'],
    [-1234.5, '$#,##0.00;-$#,##0.00', '-$1,234.50'],
    [-0.001, '0.0', '0.0'],
    [7, 'no pattern', '7'],
    [0.1 + 0.2, '', '0.3']
  ]
  for (const [number, qFmt, text] of cases) {
    t.equal(formatNumber(number, { qType: 'F', qnDec: 2, qUseThou: 1, qFmt }), text, `${number} as ${qFmt}`)
  }
  t.equal(formatNumber(1234.5, { qType: 'F', qnDec: 2, qUseThou: 1, qFmt: '#,##0.00', qDec: ',', qThou: '.' }), '1.234,50')
  t.equal(formatNumber(1234.5, { qType: 'U', qnDec: 2, qUseThou: 1, qFmt: '#,##0.00' }), '1234.5')
})

t.test('expressions are parsed with their precedence, and refused with the place', async t => {
  t.match(parseExpression('=1 + Sum([A b]) * 2'), {
    operator: '+',
    right: { operator: '*', left: { name: 'sum', operand: { name: 'A b' } } }
  })
  t.match(parseExpression('Count(TOTAL distinct "A")'), {
    name: 'count',
    isTotal: true,
    isDistinct: true,
    operand: { type: 'field', name: 'A' }
  })
  t.match(parseExpression("'it''s'"), { type: 'text', value: "it's" })
  for (const [wrong, message] of [
    ['Sum(', 'end'],
    ['Sum(A))', ')'],
    ['', 'end'],
    ['1 2', '2'],
    ['Sum({1} A)', '{1} A)'],
    ['A * / B', '/']
  ] as const) {
    t.throws(() => parseExpression(wrong), { code: 7000, message: `Error in expression: unexpected ${message}` }, wrong)
  }
  t.equal(parseFieldName('=[Some Field]'), 'Some Field')
  t.throws(() => parseFieldName('Year + 1'), { code: 7000 })
})

t.test('searches match words, wildcards and comparisons', async t => {
  const value = { text: 'Sleeping bag (2 kg)', number: 2 }
  const cases: [search: string, isMatch: boolean][] = [
    ['sleep', true],
    ['bag', true],
    ['ag', false],
    ['tent kg', true],
    ['*AG*', true],
    ['sleep?ng*', true],
    ['*.*', false],
    ['(2', true],
    ['2)k', false],
    ['>1', true], ['>2', false], ['>=2', true], ['<2', false], ['<= 2', true], ['<3', true]
  ]
  for (const [search, isMatch] of cases) t.equal(matchValue(value, search), isMatch, search)
  t.equal(matchValue(undefined, '*'), false)
  t.equal(matchValue({ text: 'no number', number: NaN }, '>0'), false)
  t.equal(matchWhole(value, 'Sleeping bag'), false)
  t.equal(matchWhole(value, 'sleeping BAG (2 kg)'), true)
  t.equal(matchWhole(value, '("Sleeping bag*"|Tent)'), true)
})

t.test('joined tables keep rows without a partner', async t => {
  const tuples = joinTables([
    { name: 'Orders', fields: ['Order', 'Customer'], rows: [[1, 'a'], [2, 'b'], [3, 'a']] },
    { name: 'Customers', fields: ['Customer', 'City'], rows: [['a', 'Ulm'], ['c', 'Rome']] },
    { name: 'Cities', fields: ['City', 'Country'], rows: [['Rome', 'Italy'], ['Ulm', 'Germany'], ['Oslo', 'Norway']] }
  ])
  t.same(tuples, [[0, 0, 1], [1, -1, -1], [2, 0, 1], [-1, 1, 0], [-1, -1, 2]])
})
