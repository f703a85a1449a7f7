import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { ClientKey } from '../credentials/client-key.js'
import type { HostUser } from '../credentials/impersonation/host-user.js'
import { arePublicKeys } from '../credentials/impersonation/statement-keys.js'
import { cidrRange, pageUrl, webUrl } from './addresses.js'
import { clientKey, list, trueOrFalse, word } from './values.js'

/** Says who the user of a request is, by the session of the host application; undefined or null for nobody. */
export type Identify = (request: FastifyRequest) => HostUser | null | undefined | Promise<HostUser | null | undefined>

/** Options for host applications that have users of their own. */
export interface ImpersonationOptions {
  /** `authorization-code` (the default): users sign in at the tenant. `impersonation`: the host application says who they are. */
  credentials?: 'authorization-code' | 'impersonation'
  /**
   * Says who the user of a request is, for an application with sessions of its own. It is called for each request. Not
   * a setting of the command.
   */
  identify?: Identify | undefined
  /** A header in which an ingress says who the user is, as a signed JWT with each request. */
  identityJwtHeader?: string | undefined
  /** Addresses and ranges of the ingress. Nobody else may send that header. */
  identityProxies?: readonly string[] | undefined
  /** The `iss` of these JWTs, and of those that pages post to `/gateway/assertion`. */
  identityJwtIssuer?: string | undefined
  /** Their `aud`; the public URL unless set. */
  identityJwtAudience?: string | undefined
  /** Where the issuer publishes its keys (a JWK Set). */
  identityJwksUrl?: string | URL | undefined
  /** The issuer's keys, instead of their address: one key or certificate in PEM, or a JWK Set. */
  identityKeys?: string | undefined
  /** A file with these keys. It is read every two seconds; changed keys replace `identityKeys`. */
  identityKeysFile?: string | undefined
  /** The claim that names the user at the tenant; `sub` unless set. */
  identitySubjectClaim?: string
  /** The claim that lists the user's groups; `groups` unless set. */
  identityGroupsClaim?: string
  /** Whether users are named by their `subject` (the default) or their `userId` at the tenant. */
  identityLookup?: 'subject' | 'userId'
  /** The page where users sign in, to which `/login` leads with `returnto`; none unless set. */
  signInUrl?: string | URL | undefined
  /** Whether users and groups that the tenant does not know are created; `false` unless set. */
  provisionUsers?: boolean
  /** Id of the machine-to-machine client that creates them, with the scope `admin_classic`. */
  adminClientId?: string | undefined
  /** Its secret. This or a key is required. */
  adminClientSecret?: string | undefined
  /** A file that holds the secret. It is read every two seconds. */
  adminClientSecretFile?: string | undefined
  /** Its private key, as `clientKey`. */
  adminClientKey?: string | ClientKey | undefined
  /** A file that holds the key. It is read every two seconds. */
  adminClientKeyFile?: string | undefined
  /** The id that the key is registered under at the tenant; the `kid` of a JWK unless set. */
  adminClientKeyId?: string | undefined
  /**
   * `session`: each session gets an engine session of its own, unless a page asks for one by itself. `page` (the
   * default): sessions of the same user share an engine session unless pages ask for their own.
   */
  engineIdentity?: 'page' | 'session'
}

/** The options of impersonation, by name. */
export const impersonationShape = {
  /** How sessions get their tokens: users sign in at the tenant, or the host application says who they are. */
  credentials: z.enum(['authorization-code', 'impersonation'], {
    error: 'is not a source: use authorization-code or impersonation'
  }).default('authorization-code'),
  /** Says who the user of a request is. */
  identify: z.custom<Identify>(value => typeof value === 'function', { error: 'is not a function' }).optional(),
  /** The header by which an ingress says it, as a JWT. */
  identityJwtHeader: z.string().regex(/^[\w-]{1,100}$/, { error: 'is not the name of a header' })
    .transform(name => name.toLowerCase()).optional(),
  /** Peers that may send that header. */
  identityProxies: list(cidrRange).optional(),
  /** Who signs statements: their `iss`. */
  identityJwtIssuer: word('the issuer of the statements, as their iss says').optional(),
  /** Whom statements are for: their `aud`; the public URL unless set. */
  identityJwtAudience: word('the audience of the statements').optional(),
  /** Where the issuer publishes its keys. */
  identityJwksUrl: webUrl.optional(),
  /** Its keys: one in PEM, or a JWK Set. */
  identityKeys: z.string().refine(arePublicKeys, {
    error: 'holds no public keys: write one key or certificate in PEM, or a JWK Set of public keys'
  }).optional(),
  /** A file that holds them, which is read every two seconds. */
  identityKeysFile: z.string().optional(),
  /** The claim that names the user at the tenant. */
  identitySubjectClaim: word('the name of a claim').default('sub'),
  /** The claim that lists the user's groups. */
  identityGroupsClaim: word('the name of a claim').default('groups'),
  /** What names a user at the tenant. */
  identityLookup: z.enum(['subject', 'userId'], { error: 'is not a field of users: use subject or userId' }).default('subject'),
  /** Where users sign in. */
  signInUrl: pageUrl.optional(),
  /** Whether users and groups that the tenant does not know are created. */
  provisionUsers: trueOrFalse.default(false),
  /** The client that may do so. */
  adminClientId: word('the id of a machine-to-machine client').optional(),
  adminClientSecret: word('the secret of that client, or name a file that holds it by {adminClientSecretFile}').optional(),
  /** A file that holds it, which is read every two seconds. */
  adminClientSecretFile: z.string().optional(),
  /** Its private key, in place of a secret. */
  adminClientKey: clientKey.optional(),
  adminClientKeyFile: z.string().optional(),
  adminClientKeyId: word('the id of the key at the tenant').optional(),
  /** Whether sessions have engine sessions of their own where pages ask for none. */
  engineIdentity: z.enum(['page', 'session'], { error: 'is not a way: use page or session' }).default('page')
}

type ImpersonationConfig = z.output<z.ZodObject<typeof impersonationShape>>
type Fault = [keyof ImpersonationConfig, string]

/** Faults of options of impersonation that do not go together: the option to change, and what to do. */
export function faultsOfImpersonation (config: Partial<ImpersonationConfig>): Fault[] {
  if (config.credentials !== 'impersonation') return []
  return [...faultsOfIdentity(config), ...faultsOfProvisioning(config)]
}

function faultsOfIdentity (config: Partial<ImpersonationConfig>): Fault[] {
  const { identify, identityJwtHeader, identityProxies = [], identityJwtIssuer, identityJwksUrl, identityKeys } = config
  if (identify !== undefined) {
    return identityJwtHeader === undefined ? [] : [['identityJwtHeader', 'is set, and identify() too: keep one of them']]
  }
  const faults: Fault[] = []
  if (identityJwtIssuer === undefined) {
    faults.push(['identityJwtIssuer', 'is required: set it to the iss of the statements that say who the user is'])
  }
  if (identityJwksUrl === undefined && identityKeys === undefined) {
    faults.push(['identityJwksUrl', 'is required: set it to where the issuer publishes its keys, ' +
      'or name a file that holds them by {identityKeysFile}'])
  }
  if (identityJwksUrl !== undefined && identityKeys !== undefined) {
    faults.push(['identityJwksUrl', 'is set, and a file of keys too: keep one of them'])
  }
  if (identityJwtHeader !== undefined && identityProxies.length === 0) {
    faults.push(['identityProxies', 'is required: list the addresses of the ingress, which alone may say who the user is'])
  }
  return faults
}

function faultsOfProvisioning (config: Partial<ImpersonationConfig>): Fault[] {
  if (config.provisionUsers !== true) return []
  const { identityLookup, adminClientId, adminClientSecret, adminClientKey, adminClientKeyId = adminClientKey?.id } = config
  const faults: Fault[] = []
  if (identityLookup === 'userId') {
    faults.push(['identityLookup', 'is userId, but users are to be created, whose ids the tenant makes: use subject'])
  }
  if (adminClientId === undefined) {
    faults.push(['adminClientId', 'is required: set it to the id of a machine-to-machine client with the scope admin_classic'])
  }
  if (adminClientSecret === undefined && adminClientKey === undefined) {
    faults.push(['adminClientSecret', 'is required: set it to the secret of the client, ' +
      'or name a private key by {adminClientKeyFile}'])
  }
  if (adminClientSecret !== undefined && adminClientKey !== undefined) {
    faults.push(['adminClientKey', 'is set, and a secret too: keep one of them'])
  }
  if (adminClientKey !== undefined && adminClientKeyId === undefined) {
    faults.push(['adminClientKeyId', 'is required: set it to the id that the key is registered under'])
  }
  return faults
}
