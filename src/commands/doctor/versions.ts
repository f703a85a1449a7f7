import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ok, problem, type Finding } from './finding.js'
import { isAtLeast, minimumVersions } from './minimum-versions.js'

const oldestNode = '20.19.0'

/**
 * Checks that Node and the packages that the gateway loads are recent enough. `find` returns the version of a package,
 * if it is installed.
 */
export function examineVersions (node = process.versions.node, find = findVersion): Finding[] {
  const findings: Finding[] = []
  if (!isAtLeast(node, oldestNode)) findings.push(problem(`Node is ${node}, older than ${oldestNode}.`, 'Install a newer one.'))
  for (const [name, least] of Object.entries(minimumVersions)) {
    const version = find(name)
    // A package that is not installed is no problem: some are only for tests.
    if (version !== undefined && !isAtLeast(version, least)) {
      findings.push(problem(
        `${name} is ${version}, older than ${least}, and has known faults.`, 'Install the gateway anew with its own lock file: npm ci.'
      ))
    }
  }
  return findings.length > 0 ? findings : [ok(`Node ${node} and the packages are as new as they must be.`)]
}

/** The version of a package that Node would load. Undefined if there is none. */
export function findVersion (name: string): string | undefined {
  // Some packages do not export their package.json, so it is searched for in the folders that Node uses.
  const folders = createRequire(import.meta.url).resolve.paths(name) as string[]
  const file = folders.map(folder => join(folder, name, 'package.json')).find(path => existsSync(path))
  return file === undefined ? undefined : (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
