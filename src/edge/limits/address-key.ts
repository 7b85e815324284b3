/** What counts as one address when requests are counted. */

import { isIPv4, isIPv6 } from 'node:net'

/** Groups of 16 bits that one subscriber is given: a /64 has more addresses than anybody could be limited by one by one. */
const PREFIX_GROUPS = 4
const GROUPS = 8
/** An IPv4 address within an IPv6 one, at its end. */
const MAPPED = /^(?:0+:){5}ffff:(.+)$|^::ffff:(.+)$/i

/** Eight groups without leading zeros. */
function groupsOf(text: string): string[] {
  const [head = '', tail] = text.split('::')
  const split = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const before = split(head)
  const after = tail === undefined ? [] : split(tail)
  const missing = Math.max(0, GROUPS - before.length - after.length)
  const groups = tail === undefined ? before : [...before, ...Array<string>(missing).fill('0'), ...after]
  return groups.map((group) => Number.parseInt(group, 16).toString(16))
}

/** An IPv4 address from the last two groups of one that was mapped in hexadecimal: `::ffff:c000:201`. */
function dotted(text: string): string {
  if (isIPv4(text)) return text
  const [high = 0, low = 0] = text.split(':').map((group) => Number.parseInt(group, 16))
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** The key that an address is counted under: an IPv4 address itself, also a mapped one, and of an IPv6 address its /64. Undefined for what is no address. */
export function addressKey(text: string): string | undefined {
  const address = text.split('%')[0] ?? '' // a zone says on which interface of this machine
  if (isIPv4(address)) return address
  if (!isIPv6(address)) return undefined
  const mapped = MAPPED.exec(address)
  if (mapped !== null) return dotted(mapped[1] ?? mapped[2] ?? '')
  return `${groupsOf(address).slice(0, PREFIX_GROUPS).join(':')}::/64`
}
