/** A cell of a table: a text, a number, a dual value (a number with its own text), or null for a missing value. */
export type Cell = string | number | { text: string, number: number } | null

/** A table as a load script would produce it. Tables are linked by fields with the same name. */
export interface Table {
  name: string
  fields: string[]
  rows: Cell[][]
}

/** The properties of a saved object: what `GetProperties` answers. */
export interface ObjectProperties {
  qInfo: { qId: string, qType: string }
  [property: string]: unknown
}

/** An app of the sandbox: its data, its section access, and the objects that its author saved. */
export interface App {
  id: string
  name: string
  description: string
  tables: Table[]
  /** Section access: a user sees the rows whose value in `field` is the name of one of the user's groups. */
  sectionAccess: { field: string }
  objects: ObjectProperties[]
}
