// oidc-provider 9 runs on Node 20 but prints a red warning while it loads, which would come before the output of the
// demo.
const warn = console.warn
console.warn = (...parts: unknown[]) => {
  if (!String(parts[0]).includes('oidc-provider WARNING: Unsupported runtime')) warn(...parts)
}
const loaded = await import('oidc-provider').finally(() => { console.warn = warn })

/** oidc-provider's classes, loaded without the warning about Node 20. */
export const { Provider, errors, interactionPolicy } = loaded

/** An authorization server or OpenID provider. */
export type ProviderInstance = InstanceType<typeof Provider>
