/** How many connections one address may have open: those of everybody together are limited too, and nobody may have all of them. */

import type { Server } from 'node:http'
import { BlockList, isIPv6 } from 'node:net'
import type { Socket } from 'node:net'
import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import { addressKey } from './address-key.ts'

/** Names that `edge.trustedProxies` knows beside addresses and networks (those of proxy-addr). */
const NAMED: Record<string, readonly string[]> = {
  loopback: ['127.0.0.1/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']
}
const RETRY_S = 5

/** Proxies carry the connections of many clients, and are not counted. */
function networksOf(trusted: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of trusted.flatMap((text) => NAMED[text] ?? [text])) {
    const [address = '', prefix] = network.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

/** Enough to be understood by a person with curl; over TLS nothing can be said before the handshake. */
const REFUSAL = Buffer.from(
  (() => {
    const text = `${new PeerbinError('too-many-transfers').message} (too-many-transfers)\n`
    const head = `HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\nretry-after: ${RETRY_S}\r\n`
    return `${head}content-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
  })()
)

export function limitConnections(server: Server, config: Config['edge'], isTls: boolean): void {
  const proxies = networksOf(config.trustedProxies)
  const open = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket
    const key = addressKey(remoteAddress)
    if (key === undefined || proxies.check(remoteAddress, isIPv6(remoteAddress) ? 'ipv6' : 'ipv4')) return
    const count = (open.get(key) ?? 0) + 1
    open.set(key, count)
    socket.once('close', () => {
      const left = (open.get(key) ?? 1) - 1
      if (left === 0) open.delete(key)
      else open.set(key, left)
    })
    if (count <= config.connectionsPerAddress) return
    if (isTls) socket.destroy()
    else socket.end(REFUSAL, () => socket.destroy())
  })
}
