import type { Cell, Table } from '../../data/app.js'
import { identify, joinTables, readCell, type Tuple } from './join.js'

/** The element number of a missing value. */
export const NULL_ELEMENT = -2

/** A value of a field: its text, and its number or NaN. */
export interface FieldValue {
  text: string
  number: number
}

/** A field: its distinct values by element number, and the element number in each tuple of the model. */
export interface Field {
  name: string
  tables: string[]
  values: FieldValue[]
  elements: Int32Array
  isNumeric: boolean
}

/** The data that one user works with. The tuples contain all associations between rows of the tables. */
export interface Model {
  tables: Table[]
  tuples: Tuple[]
  fields: Map<string, Field>
}

/**
 * Builds the model from the rows that a user may see: those whose value in the field of section access is one of
 * `groups`, and the associated rows of other tables.
 */
export function buildModel (tables: Table[], sectionAccess: { field: string }, groups: string[]): Model {
  const tuples = joinTables(tables).filter(tuple => groups.includes(String(identify(readCell(tables, tuple, sectionAccess.field)))))
  const names = [...new Set(tables.flatMap(table => table.fields))]
  return { tables, tuples, fields: new Map(names.map(name => [name, buildField(tables, tuples, name)])) }
}

function buildField (tables: Table[], tuples: Tuple[], name: string): Field {
  const values: FieldValue[] = []
  const elementByKey = new Map<string | number, number>()
  const elements = Int32Array.from(tuples, tuple => {
    const cell = readCell(tables, tuple, name)
    const key = identify(cell)
    if (cell === null || key === null) return NULL_ELEMENT
    const known = elementByKey.get(key)
    if (known !== undefined) return known
    elementByKey.set(key, values.length)
    return values.push(toValue(cell)) - 1
  })
  return {
    name,
    tables: tables.filter(table => table.fields.includes(name)).map(table => table.name),
    values,
    elements,
    isNumeric: values.length > 0 && values.every(value => !Number.isNaN(value.number) && value.text === String(value.number))
  }
}

function toValue (cell: NonNullable<Cell>): FieldValue {
  if (typeof cell === 'object') return cell
  return { text: String(cell), number: typeof cell === 'number' ? cell : NaN }
}
