/**
 * The words before a command that runs it without what tap adds to every Node below a test: that takes a second of each,
 * measures how much of a built file runs, which nobody asks for, and keeps TypeScript 7 from starting.
 */
export const bare: [command: string, ...words: string[]] = ['env', 'NODE_OPTIONS=']

/** The words that start Node in that way. */
export const bareNode: [command: string, ...words: string[]] = [...bare, process.execPath]
