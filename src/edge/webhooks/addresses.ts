/**
 * Which addresses a webhook may reach: those of the public internet, and what `webhooks.allow` names. The edges stand inside networks that whoever makes a webhook may not see;
 * a request from there to a router, a metadata service or a neighbour would be theirs. From the special-purpose registries (RFC 6890, and what was added since).
 */

import { BlockList, isIP } from 'node:net'

const REFUSED_V4 = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private
  '100.64.0.0/10', // shared by carriers (RFC 6598)
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, and metadata services of clouds
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.31.196.0/24', // AS112
  '192.52.193.0/24', // AMT
  '192.88.99.0/24', // relays of 6to4
  '192.168.0.0/16', // private
  '192.175.48.0/24', // AS112
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4' // reserved, and broadcast
]

/** Of IPv6 only global unicast (2000::/3) is public, and of that not these. Whatever carries an IPv4 address in it is refused with everything else outside, but the mapped ones, which are judged as IPv4. */
const REFUSED_V6 = [
  '2001::/23', // protocol assignments: Teredo, benchmarks, ORCHID
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4: an IPv4 address inside
  '2620:4f:8000::/48', // AS112
  '3fff::/20' // documentation (RFC 9637)
]

const publicV6 = new BlockList()
publicV6.addSubnet('2000::', 3, 'ipv6')

export type AddressCheck = (address: string) => 'refused' | 'public' | 'allowed'

/** @param allow addresses and networks, as `webhooks.allow` has them */
export function addressCheck(allow: readonly string[]): AddressCheck {
  const allowed = listOf(allow)
  const refused = listOf([...REFUSED_V4, ...REFUSED_V6])
  return (given) => {
    const address = plainAddress(given)
    const version = isIP(address)
    if (version === 0) return 'refused'
    const family = version === 4 ? 'ipv4' : 'ipv6'
    if (allowed.check(address, family)) return 'allowed'
    if (refused.check(address, family)) return 'refused'
    return version === 4 || publicV6.check(address, 'ipv6') ? 'public' : 'refused'
  }
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

const MAPPED = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/

/** Without a zone, and an IPv4 address that is written as an IPv6 one as itself. */
function plainAddress(given: string): string {
  const [address = ''] = given.split('%')
  if (isIP(address) !== 6) return address
  // in the one form that the standard of URLs has for it
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const [, dotted, high, low] = MAPPED.exec(canonical) ?? []
  if (dotted !== undefined) return dotted
  if (high === undefined || low === undefined) return canonical
  const bits = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return bits.flatMap((part) => [part >> 8, part & 0xff]).join('.')
}

/** Addresses in the URL itself, without brackets; undefined for a name. */
export function literalAddress(url: URL): string | undefined {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return isIP(host) === 0 ? undefined : host
}
