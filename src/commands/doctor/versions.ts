import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ok, problem, type Finding } from './finding.js'
import { isAtLeast, minimumVersions } from './minimum-versions.js'

const oldestNode = '20.19.0'

/** Whether Node and the packages that the gateway finds are as new as they must be. `find` tells a package's version, if it is there. */
export function examineVersions (node = process.versions.node, find = findVersion): Finding[] {
  const findings: Finding[] = []
  if (!isAtLeast(node, oldestNode)) findings.push(problem(`Node is ${node}, older than ${oldestNode}.`, 'Install a newer one.'))
  for (const [name, least] of Object.entries(minimumVersions)) {
    const version = find(name)
    // A package that is not installed cannot be at fault: some are needed by tests only.
    if (version !== undefined && !isAtLeast(version, least)) {
      findings.push(problem(
        `${name} is ${version}, older than ${least}, and has known faults.`, 'Install the gateway anew with its own lock file: npm ci.'
      ))
    }
  }
  return findings.length > 0 ? findings : [ok(`Node ${node} and the packages are as new as they must be.`)]
}

/** The version of a package that Node would load; undefined when there is none. */
export function findVersion (name: string): string | undefined {
  // Not every package lets its package.json be imported, so it is looked for where Node would.
  const folders = createRequire(import.meta.url).resolve.paths(name) as string[]
  const file = folders.map(folder => join(folder, name, 'package.json')).find(path => existsSync(path))
  return file === undefined ? undefined : (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
