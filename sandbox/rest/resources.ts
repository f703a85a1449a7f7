import type { FastifyInstance } from 'fastify'
import type { Controls } from '../controls.js'
import type { Names } from '../front/names.js'
import type { ClientRegistry } from '../oauth/clients.js'
import type { User, UserDirectory } from '../oauth/users.js'
import type { UploadStore } from './upload-store.js'

/** An app, as the engine lists it. */
export interface AppSummary { id: string, name: string, description: string }

/** The data behind the routes of the API. */
export interface Resources {
  names: Names
  users: UserDirectory
  clients: ClientRegistry
  apps: readonly AppSummary[]
  controls: Controls
  store: UploadStore
}

/** Adds the routes of one kind of resource. The caller has been authenticated. */
export type RouteSet = (app: FastifyInstance, resources: Resources) => void

/** Id of the sandbox's tenant. */
export const tenantId = 'sandbox-tenant'

declare module 'fastify' {
  interface FastifyRequest {
    /** The user whose bearer token the request carries. */
    caller: User
  }
}
