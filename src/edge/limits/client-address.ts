/** Which address a request is counted under. */

import type { FastifyRequest } from 'fastify'
import { addressKey } from './address-key.ts'

/** Of a socket that is closed already nobody knows where it came from. */
const NOWHERE = 'unknown'

/**
 * The client's address as the trusted proxies say it (`edge.trustedProxies`), and the connection's own where there are none. A proxy that says something that is
 * no address speaks for all its clients: what they can write themselves must not give each request an address of its own.
 */
export const clientAddress = ({ ip, socket }: Pick<FastifyRequest, 'ip' | 'socket'>): string =>
  addressKey(ip) ?? addressKey(socket.remoteAddress ?? '') ?? NOWHERE
