// Shorter names are common words, and similar to too many others.
const shortestName = 8
const longName = 12

/** A name that is one of the known ones but for a slip or two: case, letters left out, added, exchanged or swapped. */
export function findMeant (name: string, known: readonly string[]): string | undefined {
  return known.find(other => {
    if (other.length < shortestName || other === name) return false
    const most = other.length < longName ? 1 : 2
    return Math.abs(other.length - name.length) <= most && countSlips(name.toUpperCase(), other.toUpperCase()) <= most
  })
}

/** The edit distance of two words, a swap of neighbours counted as one (optimal string alignment). */
function countSlips (one: string, other: string): number {
  let before: number[] = []
  let row = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1]
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      next.push(Math.min(
        at(row, j) + 1, at(next, j - 1) + 1, at(row, j - 1) + (same ? 0 : 1), swapped ? at(before, j - 2) + 1 : Infinity
      ))
    }
    before = row
    row = next
  }
  return at(row, other.length)
}

function at (numbers: readonly number[], index: number): number {
  return numbers[index] as number
}
