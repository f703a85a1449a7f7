interface Tls { key: string, cert: string }
interface Listening { port: number, close: () => Promise<void> }
export function startSite (options: { page: URL, values: () => Record<string, string>, tls?: Tls, port?: number, gateway?: { path: string, port: () => number }, headers?: () => Record<string, string | string[]> }): Promise<Listening>
export function startTls (options: { tls: Tls, target: () => number, port?: number }): Promise<Listening>
