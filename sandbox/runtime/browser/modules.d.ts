// The chunks of @qlik/api that the bundler resolves; the package publishes types for its public modules only.

declare module 'runtime:qix' {
  import type { AppSession, Doc, OpenAppSessionProps } from '@qlik/api/qix'

  export function openAppSession (props: OpenAppSessionProps): AppSession
  export function addInitialAppAction (props: OpenAppSessionProps, action: (doc: Doc) => Promise<void>): () => void
}

declare module 'runtime:invoke-fetch' {
  import type { HostConfig } from '@qlik/api/auth'

  export interface InvokeFetchRequest { method: string, pathTemplate: string, options?: { hostConfig?: HostConfig, noCache?: boolean } }
  export function invokeFetch (api: string, request: InvokeFetchRequest): Promise<{ status: number, headers: Headers, data: unknown }>
}

declare module 'runtime:interceptors' {
  export function addDefaultInterceptors (): void
}

declare module '@nebula.js/sn-bar-chart' {
  const supernova: (galaxy: object) => object
  export default supernova
}

declare module '@nebula.js/sn-line-chart' {
  const supernova: (galaxy: object) => object
  export default supernova
}

declare module '@nebula.js/sn-table' {
  const supernova: (galaxy: object) => object
  export default supernova
}

declare module '@nebula.js/sn-kpi' {
  const supernova: (galaxy: object) => object
  export default supernova
}

declare module 'runtime:auth' {}
