import { randomBytes } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { Refusal } from '../front/errors.js'
import { createList, type IpPolicy } from '../front/ip-policies.js'
import { refuseAllButAdministrators } from './administration.js'
import { cutPage } from './paging.js'
import { tenantId, type RouteSet } from './resources.js'

type Fields = Omit<IpPolicy, 'id'>
interface Patch { op: string, path: string, value: unknown }

/** /api/core/ip-policies: who may use the tenant at all. As at a tenant, administrators cannot lock themselves out. */
export const addIpPolicyRoutes: RouteSet = (app, { names, controls: { ipPolicies } }) => {
  const onRequest = refuseAllButAdministrators
  const describe = (policy: IpPolicy): object => ({ ...policy, tenantId })
  const find = (id: string): IpPolicy => {
    const policy = ipPolicies.policies.find(policy => policy.id === id)
    if (policy === undefined) throw new Refusal(404, 'IP-POLICIES-404', 'Not found', `There is no IP policy ${id}.`)
    return policy
  }
  const replace = (request: FastifyRequest, policies: readonly IpPolicy[]): void => {
    const before = ipPolicies.policies
    ipPolicies.policies = policies
    if (ipPolicies.allows(request.ip)) return
    ipPolicies.policies = before
    throw refuse('Your own address must be allowed.')
  }

  app.get('/api/core/ip-policies', { onRequest }, async request => {
    const { data, links } = cutPage(request, names.origin, [...ipPolicies.policies])
    return { data: data.map(describe), links }
  })

  app.get<{ Params: { id: string } }>('/api/core/ip-policies/:id', { onRequest }, async request => describe(find(request.params.id)))

  app.post<{ Body: Partial<Fields> | null }>('/api/core/ip-policies', { onRequest }, async (request, reply) => {
    const policy = { id: randomBytes(12).toString('hex'), ...readFields({ enabled: false, ...request.body }) }
    replace(request, [...ipPolicies.policies, policy])
    return await reply.code(201).send(describe(policy))
  })

  app.patch<{ Params: { id: string }, Body: Patch[] }>('/api/core/ip-policies/:id', { onRequest }, async (request, reply) => {
    const { id, ...fields } = find(request.params.id)
    const changes = request.body.map(({ op, path, value }): [string, unknown] => {
      if (op !== 'replace' || !(path.slice(1) in fields)) throw refuse(`${op} ${path} is not possible.`)
      return [path.slice(1), value]
    })
    const changed = { id, ...readFields({ ...fields, ...Object.fromEntries<unknown>(changes) }) }
    replace(request, ipPolicies.policies.map(policy => policy.id === id ? changed : policy))
    return await reply.code(204).send()
  })

  app.delete<{ Params: { id: string } }>('/api/core/ip-policies/:id', { onRequest }, async (request, reply) => {
    const { id } = find(request.params.id)
    replace(request, ipPolicies.policies.filter(policy => policy.id !== id))
    return await reply.code(204).send()
  })
}

function refuse (detail: string): Refusal {
  return new Refusal(400, 'IP-POLICIES-400', 'Bad request', detail)
}

function readFields ({ name, allowedIps, enabled }: { [field in keyof Fields]?: unknown }): Fields {
  const isList = Array.isArray(allowedIps) && allowedIps.length > 0 && allowedIps.every(entry => typeof entry === 'string')
  if (typeof name !== 'string' || name === '' || !isList || typeof enabled !== 'boolean') {
    throw refuse('An IP policy takes a name, allowedIps, and whether it is enabled.')
  }
  const addresses: string[] = allowedIps
  try {
    createList(addresses)
  } catch {
    throw refuse('allowedIps takes IPv4 addresses and ranges.')
  }
  return { name, allowedIps: addresses, enabled }
}
