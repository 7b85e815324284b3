/** Names an address without saying which it is: for limits that hold across edges. */

import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'

/** Groups of an IPv6 address that name a network: the rest is whoever's own choice. */
const NETWORK_GROUPS = 4

/** All eight groups as numbers. @param address a valid IPv6 address, without a zone */
function groupsOf(address: string): number[] {
  // the parser of URLs writes an embedded IPv4 address as two groups like any others
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = text.split('::')
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const [first, last] = [parse(head), parse(tail ?? '')]
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last]
}

/** What counts as one address: IPv4 as it is, also inside IPv6 (RFC 4291, section 2.5.5.2), and an IPv6 /64. */
export function addressGroup(address: string): string {
  const plain = address.split('%')[0] ?? ''
  if (!isIPv6(plain)) return plain
  const groups = groupsOf(plain)
  const [high = 0, low = 0] = groups.slice(6)
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  return groups
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.toString(16))
    .join(':')
}

/** SHA-256 in hex: addresses of people stand in no message and no memory of the controller as they are. */
export const addressKey = (address: string): string =>
  createHash('sha256').update(addressGroup(address)).digest('hex')
