import type { Table } from './app.js'
import { describeDay } from './calendar.js'
import { createSequence, itemAt } from './sequence.js'
import { countries, territories } from './territories.js'

const ORDERS = 1200
const CUSTOMERS = 48

const PRODUCTS: [product: string, category: string, price: number, marginPercent: number][] = [
  ['Tent', 'Camping', 249, 32],
  ['Sleeping bag', 'Camping', 129, 38],
  ['Stove', 'Camping', 79, 41],
  ['Headlamp', 'Camping', 45, 47],
  ['Rain jacket', 'Clothing', 159, 44],
  ['Hiking boots', 'Clothing', 189, 36],
  ['Wool socks', 'Clothing', 19, 55],
  ['Backpack', 'Gear', 139, 35],
  ['Trekking poles', 'Gear', 89, 39],
  ['Water filter', 'Gear', 59, 42]
]

const STEMS = [
  'Alder', 'Birch', 'Cedar', 'Dogwood', 'Elm', 'Fir', 'Ginkgo', 'Hazel', 'Ivy', 'Juniper', 'Larch', 'Maple', 'Oak',
  'Pine', 'Rowan', 'Spruce'
]
const TRADES = ['Outdoor', 'Sports', 'Trading']
const SEGMENTS = ['Retail', 'Online', 'Wholesale']

// Share of the year's orders by month, in percent of an average month: camping gear sells before summer.
const SEASON = [60, 65, 85, 110, 140, 160, 150, 120, 90, 75, 65, 80]

function listCustomers (): Table {
  const rows = Array.from({ length: CUSTOMERS }, (_, index) => [
    `C${index + 1}`,
    `${itemAt(STEMS, index)} ${itemAt(TRADES, Math.floor(index / STEMS.length))}`,
    itemAt(SEGMENTS, index * 7 + Math.floor(index / 3)),
    itemAt(countries, index * 3)
  ])
  return { name: 'Customers', fields: ['CustomerId', 'Customer', 'Segment', 'Country'], rows }
}

function listProducts (): Table {
  const rows = PRODUCTS.map(([product, category, price], index) => [`P${index + 1}`, product, category, price])
  return { name: 'Products', fields: ['ProductId', 'Product', 'Category', 'List Price'], rows }
}

function listOrders (): Table {
  const pick = createSequence(2024)
  const rows = Array.from({ length: ORDERS }, (_, index) => {
    const day = describeDay(index % 5 < 2 ? 2024 : 2025, pick(365))
    const productIndex = pick(PRODUCTS.length)
    const [, , price, marginPercent] = itemAt(PRODUCTS, productIndex)
    const quantity = 1 + Math.floor((1 + pick(12)) * itemAt(SEASON, day.monthIndex) / 100)
    const amount = Math.round(quantity * price * (100 - pick(4) * 5) / 100)
    return [
      1000 + index, day.date, day.month, day.year,
      `C${1 + pick(CUSTOMERS)}`, `P${productIndex + 1}`,
      quantity, amount, Math.round(amount * marginPercent / 100)
    ]
  })
  return { name: 'Orders', fields: ['OrderId', 'Date', 'Month', 'Year', 'CustomerId', 'ProductId', 'Quantity', 'Amount', 'Margin'], rows }
}

/** The tables of the sales app: orders, linked to customers and products; customers are linked to territories. */
export const salesTables: Table[] = [listOrders(), listCustomers(), listProducts(), territories]
