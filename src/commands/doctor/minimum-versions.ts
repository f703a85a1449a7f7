/** Older versions of these packages have security advisories, or defaults that turn certificate verification off. */
export const minimumVersions: Readonly<Record<string, string>> = {
  fastify: '5.12.8',
  undici: '7.30.2',
  ws: '8.23.0',
  '@fastify/secure-session': '8.4.0',
  '@fastify/cookie': '11.1.5',
  '@fastify/static': '10.1.11'
}

/** Whether a version is at least as new as another. */
export function isAtLeast (version: string, least: string): boolean {
  return version.localeCompare(least, 'en', { numeric: true }) >= 0
}
