import { readdirSync } from 'node:fs'

// Coverage is asked of what ships. The sandbox is test equipment: its own tests show that it is right.
const shipped = readdirSync('src', { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
  .map(entry => `${entry.parentPath}/${entry.name}`)

// Tests in browsers, and those of the sandbox, hold what they hold beside that: measuring the many processes that they
// start would take long.
/** @param {string} test */
export default test => /^build\/suite\/(?:sandbox\/test|test\/browser)\//.test(test) ? null : shipped
