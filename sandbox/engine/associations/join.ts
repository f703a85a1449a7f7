import type { Cell, Table } from '../../data/app.js'

/** One row number for each table, in the order of the tables, or -1 if the table has no matching row. */
export type Tuple = number[]

/**
 * Joins tables over the fields that they have in common, keeping rows without a match (a full outer join). The tuples
 * contain all associations in the data: two values are associated if one tuple contains both.
 */
export function joinTables (tables: Table[]): Tuple[] {
  let tuples: Tuple[] = []
  tables.forEach((table, position) => {
    tuples = position === 0 ? table.rows.map((_, row) => [row]) : addTable(tuples, tables.slice(0, position), table)
  })
  return tuples
}

/** Returns the value of a field in a tuple, from the first table that has the field and a row. */
export function readCell (tables: Table[], tuple: Tuple, field: string): Cell {
  for (const [position, table] of tables.entries()) {
    const row = tuple[position] ?? -1
    const column = table.fields.indexOf(field)
    if (row >= 0 && column >= 0) return table.rows[row]?.[column] ?? null
  }
  return null
}

/** Returns a key that is the same for equal values. */
export function identify (cell: Cell): string | number | null {
  return typeof cell === 'object' && cell !== null ? cell.text : cell
}

function addTable (tuples: Tuple[], joined: Table[], table: Table): Tuple[] {
  const shared = table.fields.filter(field => joined.some(other => other.fields.includes(field)))
  const rowsByKey = new Map<string, number[]>()
  table.rows.forEach((cells, row) => {
    const key = toKey(shared.map(field => cells[table.fields.indexOf(field)] ?? null))
    rowsByKey.set(key, [...rowsByKey.get(key) ?? [], row])
  })
  const partnered = new Set<number>()
  const extended = tuples.flatMap(tuple => {
    const rows = rowsByKey.get(toKey(shared.map(field => readCell(joined, tuple, field)))) ?? [-1]
    for (const row of rows) partnered.add(row)
    return rows.map(row => [...tuple, row])
  })
  const alone = [...table.rows.keys()].filter(row => !partnered.has(row)).map(row => [...joined.map(() => -1), row])
  return [...extended, ...alone]
}

function toKey (cells: Cell[]): string {
  return JSON.stringify(cells.map(identify))
}
