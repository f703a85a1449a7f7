/** The part of stardust's galaxy that provides texts to charts. */
export interface Galaxy { translator: { add (word: { id: string, locale: Record<string, string> }): void } }

// The chart packages look these texts up in Qlik Sense and do not contain them: without them, screen readers would read the keys.
// Empty texts are for instructions that the titles of the axes make unnecessary.
const words = {
  'Accessibility.Normal.Instructions': '',
  'Accessibility.Alternative.Instructions': '',
  'Accessibility.Popover.Instructions': 'Other dimensions and measures'
}

/** Adds to a chart the texts that its package lacks. */
export function withWords (chart: (galaxy: object) => object): (galaxy: Galaxy) => object {
  return galaxy => {
    for (const [id, word] of Object.entries(words)) galaxy.translator.add({ id, locale: { 'en-US': word } })
    return chart(galaxy)
  }
}
