import { BlockList, isIPv4 } from 'node:net'

/** A list of allowed addresses. If at least one list is enabled, all other addresses are refused. */
export interface IpPolicy {
  id: string
  name: string
  /** IPv4 addresses and CIDR ranges. */
  allowedIps: string[]
  enabled: boolean
}

/** The tenant's allow lists of IPv4 addresses. */
export class IpPolicies {
  policies: readonly IpPolicy[] = []

  /** Whether an address may use the tenant. All loopback addresses are equal, because clients use any of them. */
  allows (address = ''): boolean {
    const enabled = this.policies.filter(policy => policy.enabled)
    const ipv4 = address === '::1' ? '127.0.0.1' : address.replace(/^::ffff:/, '')
    return enabled.length === 0 || !isIPv4(ipv4) || enabled.some(({ allowedIps }) => createList(allowedIps).check(ipv4))
  }
}

/** Throws an error if an entry is neither an IPv4 address nor a range of IPv4 addresses. */
export function createList (allowedIps: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of allowedIps) {
    const [address = '', bits] = entry.split('/')
    if (bits === undefined) list.addAddress(address)
    else list.addSubnet(address, Number(bits))
  }
  return list
}
