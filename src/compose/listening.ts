/** Where a process listens for peers, and what it tells others to dial. */

import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { ConfigInput } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { Address, PeerId } from '../types.ts'
import type { RoleState } from './data-folder.ts'
import { freePort, probePort } from './port.ts'

const LOOPBACK_HOST = '127.0.0.1'
const EVERY_INTERFACE = '0.0.0.0'

/** What the network is built with. */
export interface Listen {
  readonly host: string
  readonly port: number
  /** Multiaddrs to announce in place of those found, without `/p2p/…`. */
  readonly announce: string[]
}

const isLoopback = (address: Address): boolean =>
  /^\/(?:ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/.test(address)

/** `/ip4/10.0.0.7/tcp/4811`, `/dns4/host.example/tcp/4811`. */
export function multiaddrOf(host: string, port: number): string {
  const family = isIP(host)
  return `/${family === 0 ? 'dns4' : family === 4 ? 'ip4' : 'ip6'}/${host}/tcp/${port}`
}

/** A setting wins; then what the folder remembers; then every interface if the cluster is reached over a real network, else (also with no address to reach it by) loopback. */
export function listenHost(config: ConfigInput, remembered: string, bootstrap: readonly Address[]): string {
  if (config.network?.host !== undefined) return config.network.host
  if (remembered !== '') return remembered
  return bootstrap.every(isLoopback) ? LOOPBACK_HOST : EVERY_INTERFACE
}

/**
 * Chooses host and port, and remembers the port: the same again at the next start if it can be had.
 * @throws `address-in-use` or `config-invalid` when the port that the settings demand cannot be had
 */
export async function chooseListen(
  state: Pick<RoleState, 'listening'>,
  config: ConfigInput,
  bootstrap: readonly Address[]
): Promise<Listen> {
  const remembered = state.listening.get()
  const host = listenHost(config, remembered.host, bootstrap)
  const demanded = config.network?.port ?? 0
  const port = demanded === 0 ? await freePort(host, remembered.port) : await demandPort(host, demanded)
  if (port !== remembered.port) await state.listening.set({ ...remembered, port })
  const announced = config.network?.announce ?? []
  const advertised = remembered.advertise === '' ? [] : [multiaddrOf(remembered.advertise, port)]
  return { host, port, announce: announced.length > 0 ? [...announced] : advertised }
}

async function demandPort(host: string, port: number): Promise<number> {
  const found = await probePort(host, port)
  if (typeof found === 'number') return found
  const where = `network.host ${host}, network.port ${port}`
  if (found === 'taken') throw new PeerbinError('address-in-use', `${where}: another process listens there`)
  throw new PeerbinError(
    'config-invalid',
    `${where}: this machine does not have that address, or this user may not listen there`
  )
}

/** Addresses for a join string: how other machines, or this one, reach a peer that listens there. */
export function joinAddresses(listen: Listen, self: PeerId): Address[] {
  const dialled =
    listen.announce.length > 0
      ? listen.announce
      : hostsReachedBy(listen.host).map((host) => multiaddrOf(host, listen.port))
  return dialled.map((address) => (address.includes('/p2p/') ? address : `${address}/p2p/${self}`) as Address)
}

function hostsReachedBy(host: string): string[] {
  if (host !== EVERY_INTERFACE && host !== '::') return [host]
  const outside = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((entry) => !entry.internal && (entry.family === 'IPv4' || !entry.address.startsWith('fe80')))
    .filter((entry) => host === '::' || entry.family === 'IPv4')
    .map((entry) => entry.address)
  return outside.length > 0 ? outside.slice(0, ADDRESSES_MAX) : [LOOPBACK_HOST]
}

/** A join string stays short enough to be sent in a chat. */
const ADDRESSES_MAX = 4
