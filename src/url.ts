/**
 * Reads an address; undefined for what is none. `URL.canParse` is not asked: that of Node 20, once it has been optimized, refuses each host
 * name with a letter of Latin-1, such as https://bücher.example.
 */
export function parseUrl (text: string, base?: string | URL): URL | undefined {
  try {
    return new URL(text, base)
  } catch {
    return undefined
  }
}
