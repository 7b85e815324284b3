/** Which address a request is counted under. */

import { createHash } from 'node:crypto'
import { addressKey } from './address-key.ts'

/** Of a socket that is closed already nobody knows where it came from. */
const NOWHERE = 'unknown'

/** A request, or what was kept of one. */
interface Client {
  readonly ip?: string | undefined
  readonly socket: { readonly remoteAddress?: string | undefined }
}

/**
 * The client's address as the trusted proxies say it (`edge.trustedProxies`), and the connection's own where there are none. A proxy that says something that is
 * no address speaks for all its clients: what they can write themselves must not give each request an address of its own.
 */
export const clientAddress = ({ ip, socket }: Client): string =>
  addressKey(ip ?? '') ?? addressKey(socket.remoteAddress ?? '') ?? NOWHERE

/** The same as it is, for the access log; null where nobody knows it any more. */
export function exactAddress({ ip, socket }: Client): string | null {
  const known = [ip, socket.remoteAddress].find((text) => addressKey(text ?? '') !== undefined)
  return known?.split('%')[0]?.replace(/^::ffff:(?=\d+\.)/i, '') ?? null
}

/** Its SHA-256 in hex, for limits that hold across edges: there nobody needs to know the address itself. */
export const clientHash = (client: Client): string =>
  createHash('sha256').update(clientAddress(client)).digest('hex')
