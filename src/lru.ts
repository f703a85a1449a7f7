/** How an LRUCache holds so many entries and takes memory as they come: by `max` it takes all of it at once, and 30 ms for 100,000. */
export function atMost (entries: number) {
  return { maxSize: entries, sizeCalculation: () => 1 }
}
