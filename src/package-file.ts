// By the package's own name: compiled code may lie at any depth below package.json.
const root = import.meta.resolve('qlik-embed-gateway/package.json')

/** The address of a file that the package ships, by its path from the package's folder. */
export function packageFile (path: string): URL {
  return new URL(path, root)
}
