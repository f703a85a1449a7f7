import type { } from '@qlik/api/auth'

/**
 * The global that @qlik/embed-web-components and @qlik/api look for after `main.js` has run. @qlik/api declares all of
 * it but `import`.
 */
export type QlikMain = NonNullable<typeof globalThis.QlikMain> & {
  /** Loads a runtime module, such as `qix@v1`. Rejects if the tenant does not serve it. */
  import (name: string): Promise<unknown>
}
