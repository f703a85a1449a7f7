/**
 * The words that start Node without what tap adds to every process below a test: that takes a second of each, and measures
 * how much of a built file runs, which nobody asks for.
 */
export const bareNode: [command: string, ...words: string[]] = ['env', 'NODE_OPTIONS=', process.execPath]
