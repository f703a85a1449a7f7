/** Options of an LRUCache of so many entries that grows with them. With `max` it allocates everything at once, 30 ms for 100,000. */
export function atMost (entries: number) {
  return { maxSize: entries, sizeCalculation: () => 1 }
}
