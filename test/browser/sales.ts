import type { Cell } from '../../sandbox/data/app.js'
import { salesTables } from '../../sandbox/data/sales.js'

/** A label with its figure, as a chart shows them. */
export interface Bar { label: string, value: number }

/** What the dashboard must show, computed from the raw tables by loops that know nothing of the engine. */
export interface Sales { byRegion: Bar[], byProduct: Bar[], total: number, orders: string[][] }

/** Sums up the orders of the countries in `area`, or of one region of it. */
export function computeSales (area: string, region?: string): Sales {
  const countryOfCustomer = new Map<string, string>()
  const nameOfCustomer = new Map<string, string>()
  for (const row of rowsOf('Customers')) {
    countryOfCustomer.set(row.CustomerId ?? '', row.Country ?? '')
    nameOfCustomer.set(row.CustomerId ?? '', row.Customer ?? '')
  }
  const regionOfCountry = new Map<string, string>()
  for (const row of rowsOf('Territories')) if (row.Area === area) regionOfCountry.set(row.Country ?? '', row.Region ?? '')
  const nameOfProduct = new Map<string, string>()
  for (const row of rowsOf('Products')) nameOfProduct.set(row.ProductId ?? '', row.Product ?? '')

  const regions = new Map<string, number>()
  const products = new Map<string, number>()
  const orders: string[][] = []
  let total = 0
  for (const row of rowsOf('Orders')) {
    const country = countryOfCustomer.get(row.CustomerId ?? '') ?? ''
    const itsRegion = regionOfCountry.get(country)
    if (itsRegion === undefined || (region !== undefined && itsRegion !== region)) continue
    const product = nameOfProduct.get(row.ProductId ?? '') ?? ''
    const amount = Number(row.Amount)
    regions.set(itsRegion, (regions.get(itsRegion) ?? 0) + amount)
    products.set(product, (products.get(product) ?? 0) + amount)
    orders.push([row.OrderId ?? '', row.Date ?? '', nameOfCustomer.get(row.CustomerId ?? '') ?? '', country])
    total += amount
  }
  return {
    byRegion: sortBars(regions),
    byProduct: sortBars(products),
    total,
    orders: orders.sort((one, other) => Number(one[0]) - Number(other[0]))
  }
}

function sortBars (sums: Map<string, number>): Bar[] {
  return [...sums].map(([label, value]) => ({ label, value })).sort((one, other) => other.value - one.value)
}

function rowsOf (name: string): Record<string, string>[] {
  const table = salesTables.find(table => table.name === name)
  if (table === undefined) throw new Error(`The sales app has no table ${name}.`)
  return table.rows.map(row => Object.fromEntries(table.fields.map((field, index) => [field, textOf(row[index])])))
}

function textOf (cell: Cell | undefined): string {
  return typeof cell === 'object' ? cell?.text ?? '' : String(cell)
}
