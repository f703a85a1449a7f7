import type { Cell } from './app.js'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const DAY_MS = 86_400_000

// Day 0 of Qlik's calendar, as in spreadsheets.
const DAY_ZERO = Date.UTC(1899, 11, 30)

/** Returns the cells Date, Month and Year of the day that lies `dayOfYear` days after 1 January. */
export function describeDay (year: number, dayOfYear: number): { date: Cell, month: Cell, monthIndex: number, year: Cell } {
  const time = Date.UTC(year, 0, 1) + dayOfYear * DAY_MS
  const monthIndex = new Date(time).getUTCMonth()
  return {
    date: { text: new Date(time).toISOString().slice(0, 10), number: (time - DAY_ZERO) / DAY_MS },
    month: { text: MONTHS[monthIndex] as string, number: monthIndex + 1 },
    monthIndex,
    year
  }
}
