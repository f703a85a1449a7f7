import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A folder of the test's own with a short path, as those of Unix sockets must be; it goes with the test. */
export function makeFolder (t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  return folder
}
