/** A secret that a text holds, by its kind and never by its value. */
export interface Leak { kind: string, line: number }

// Shorter texts are words of a test rather than secrets, and may stand anywhere.
const pieceLength = 16

/** A search for secrets as they are, percent-encoded or decoded, and in base64: their beginning or their end is enough. */
export function createSecretSearch (secrets: Iterable<[kind: string, value: string]>): (text: string) => Leak[] {
  const kinds = new Map<string, string>()
  for (const [kind, value] of secrets) {
    for (const form of formsOf(value)) {
      if (form.length < pieceLength) continue
      kinds.set(form.slice(0, pieceLength), kind)
      kinds.set(form.slice(-pieceLength), kind)
    }
  }
  return text => text.split('\n').flatMap((content, index) => {
    for (let at = 0; at + pieceLength <= content.length; at++) {
      const kind = kinds.get(content.slice(at, at + pieceLength))
      if (kind !== undefined) return [{ kind, line: index + 1 }]
    }
    return []
  })
}

function formsOf (value: string): string[] {
  // The last of the base64 depends on what follows.
  const encoded = (['base64', 'base64url'] as const).map(encoding =>
    Buffer.from(value.slice(0, value.length - value.length % 3)).toString(encoding)
  )
  return [value, encodeURIComponent(value), decode(value), ...encoded]
}

function decode (value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
