import { readdirSync } from 'node:fs'

// Coverage is asked of what ships. The sandbox is test equipment: its own tests show that it is right.
const shipped = readdirSync('src', { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
  .map(entry => `${entry.parentPath}/${entry.name}`)

// scripts/test.js says whose tests are not measured.
/** @param {string} test */
export default test => /\/unmeasured-\d+\.js$/.test(test) ? null : shipped
