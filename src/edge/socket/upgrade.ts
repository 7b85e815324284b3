/**
 * Requests for a socket take the way of all others, through the hooks and limits of every route, up to the handler: only that one takes the connection over. What is refused before
 * is answered as HTTP.
 */

import { ServerResponse } from 'node:http'
import type { IncomingMessage, RequestListener } from 'node:http'
import type { Duplex } from 'node:stream'
import { Socket } from 'node:net'

export const SOCKET_PATH = '/ws'

export interface Upgrade {
  readonly socket: Duplex
  readonly head: Buffer
  /** Takes the connection from the answer that was prepared for a refusal. */
  readonly release: () => void
}

const upgrades = new WeakMap<IncomingMessage, Upgrade>()

/** Undefined for a request that asks for no socket. */
export const upgradeOf = (request: IncomingMessage): Upgrade | undefined => upgrades.get(request)

/** Whether Node should stop reading HTTP here: of clients that would like HTTP/2 (`Upgrade: h2c`) it should not, they take HTTP/1.1 as well. */
export const wantsSocket = (request: IncomingMessage): boolean =>
  request.headers.upgrade?.toLowerCase() === 'websocket' && (request.url ?? '').split('?')[0] === SOCKET_PATH

/** Has a request for a socket answered by the routes. */
export function routeUpgrade(
  listener: RequestListener,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer
): void {
  const onError = (): void => void socket.destroy()
  socket.on('error', onError)
  if (!(socket instanceof Socket)) {
    socket.destroy()
    return
  }
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  // a refusal: nothing more comes over this connection
  response.once('finish', () => socket.destroySoon())
  upgrades.set(request, {
    socket,
    head,
    release: () => {
      upgrades.delete(request)
      response.detachSocket(socket)
      socket.off('error', onError)
    }
  })
  listener(request, response)
}
