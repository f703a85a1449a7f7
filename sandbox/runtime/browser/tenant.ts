import type { HostConfig } from '@qlik/api/auth'
import { invokeFetch } from 'runtime:invoke-fetch'
import { addDefaultInterceptors } from 'runtime:interceptors'
import { EmbedError } from './embed-error.js'

// They answer the first calls from GET /api/v1/boot/core-init, as with a real tenant.
addDefaultInterceptors()

/** The part of `GET /api/v1/users/me` that affects drawings. */
export interface TenantUser { locale?: string }

/**
 * Asks the tenant for the user before a socket is opened: a refused socket gives no reason, and auth type `cookie`
 * redirects to the login because of this call. Only a refusal is an error; if the tenant fails, drawing goes on.
 */
export async function checkAccess (hostConfig: HostConfig | undefined): Promise<TenantUser> {
  try {
    const { data } = await invokeFetch('users', request('/api/v1/users/me', hostConfig))
    const user = data as { preferredLocale?: string, locale?: string } | null
    const locale = user?.preferredLocale ?? user?.locale
    return locale === undefined ? {} : { locale }
  } catch (cause) {
    const status = readStatus(cause)
    if (status === 401) throw signedOutError(cause)
    if (status === 403) {
      throw new EmbedError('You are signed in, but may not see this content.', "Ask the tenant's administrator for access.", { cause })
    }
    if (status === undefined) {
      throw new EmbedError('The sign-in settings of this page do not work.', cause instanceof Error ? cause.message : String(cause), {
        cause
      })
    }
    if (status === 0) throw new EmbedError('The server cannot be reached.', 'Check your connection, then reload the page.', { cause })
    console.warn(`The profile of the user could not be read (status ${status}); drawing without it.`)
    return {}
  }
}

/** Whether the tenant answers 401 now. Called to find out why a socket failed. */
export async function isSignedOut (hostConfig: HostConfig | undefined): Promise<boolean> {
  try {
    await invokeFetch('', { ...request('/api/v1/user-locale', hostConfig, true) })
    return false
  } catch (error) {
    return readStatus(error) === 401
  }
}

/** The error for users without a session. */
export function signedOutError (cause: unknown): EmbedError {
  return new EmbedError('You are not signed in.', 'Sign in, then reload the page.', { cause })
}

function request (pathTemplate: string, hostConfig: HostConfig | undefined, noCache = false) {
  return { method: 'GET', pathTemplate, options: { noCache, ...hostConfig === undefined ? {} : { hostConfig } } }
}

function readStatus (error: unknown): number | undefined {
  const { status } = error as { status?: unknown }
  return typeof status === 'number' ? status : undefined
}
