/** What counts as one address when requests are counted. */

import { isIPv4, isIPv6 } from 'node:net'

/** Groups of 16 bits that one subscriber is given: a /64 has more addresses than anybody could be limited by one by one. */
const PREFIX_GROUPS = 4
const GROUPS = 8
/** Before an IPv4 address within an IPv6 one (RFC 4291, section 2.5.5.2). */
const MAPPED = [0, 0, 0, 0, 0, 0xffff]

/** All eight groups as numbers. @param address a valid IPv6 address, without a zone */
function groupsOf(address: string): number[] {
  // the parser of URLs writes an embedded IPv4 address as two groups like any others
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [before = [], after = []] = text
    .split('::')
    .map((part) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))))
  return [...before, ...Array<number>(GROUPS - before.length - after.length).fill(0), ...after]
}

/** The key that an address is counted under: an IPv4 address itself, also a mapped one, and of an IPv6 address its /64. Undefined for what is no address. */
export function addressKey(text: string): string | undefined {
  const address = text.split('%')[0] ?? '' // a zone says on which interface of this machine
  if (isIPv4(address)) return address
  if (!isIPv6(address)) return undefined
  const groups = groupsOf(address)
  const [high = 0, low = 0] = groups.slice(MAPPED.length)
  if (MAPPED.every((group, index) => groups[index] === group))
    return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  const prefix = groups.slice(0, PREFIX_GROUPS).map((group) => group.toString(16))
  return `${prefix.join(':')}::/64`
}
