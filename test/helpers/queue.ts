import { mkdirSync } from 'node:fs'
import t from 'tap'

/**
 * Runs files of tests that no other program has taken from the queue, one after the other. A program takes its next file when the tests
 * of the one before begin.
 * @param folder Shared by the programs, and empty when the first begins.
 * @param files The address of each by its name: the same for all programs.
 * @param fileMs How long the tests of a file may take. A program that takes longer is ended, even if it stands still.
 */
export async function runQueue (folder: string, files: Record<string, string>, fileMs: number): Promise<void> {
  for (const [at, [title, address]] of Object.entries(files).entries()) {
    // While a file is loaded no test of its runs: they follow, and the next file is loaded after them.
    if (!take(`${folder}/${at}`)) continue
    await t.test(title, { timeout: fileMs }, async () => {
      t.setTimeout(fileMs)
      await import(address)
    })
  }
  // At the end of a program, the runner compares its last timeout with all the time that it took.
  t.setTimeout(performance.now() + fileMs)
}

/** Whether this program is the one that makes the folder. */
function take (folder: string): boolean {
  try {
    mkdirSync(folder)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
