/** The HTTP server below Fastify: limits on connections, TLS, and clients that ask before they send. */

import { createServer, STATUS_CODES } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Config } from '../config.ts'
import { expectContinue } from './http/request-body.ts'
import { limitConnections } from './limits/connections.ts'
import { routeUpgrade, wantsSocket } from './socket/upgrade.ts'
import type { Certificate } from './tls.ts'

/** How often Node looks for connections whose headers are late: part of the limit, within reason. */
const checkIntervalMs = (limitMs: number): number => Math.min(5000, Math.max(50, Math.floor(limitMs / 4)))

/**
 * There is no limit on the time of a whole request, since a large file over a slow line takes as long as it takes; headers have
 * one, and bodies may not stand still.
 */
export function createHttpServer(
  config: Config['edge'],
  certificate: Certificate | undefined,
  listener: RequestListener
): Server {
  const options: ServerOptions = {
    headersTimeout: config.headersMs,
    requestTimeout: 0,
    keepAliveTimeout: config.keepAliveMs,
    connectionsCheckingInterval: checkIntervalMs(Math.min(config.headersMs, config.keepAliveMs)),
    shouldUpgradeCallback: wantsSocket
  }
  const server =
    certificate === undefined
      ? createServer(options, listener)
      : // the same class to everybody but its own methods, which tls.ts alone uses
        (createTlsServer(
          { ...options, ...certificate, handshakeTimeout: config.headersMs },
          listener
        ) as unknown as Server)
  server.maxConnections = config.connectionsMax
  limitConnections(server, config, certificate !== undefined)
  // Node would tell such clients to go on at once, and they would send what is then refused
  server.on('checkContinue', (request, response) => {
    expectContinue(request, response)
    server.emit('request', request, response)
  })
  server.on('upgrade', (request, socket, head) => routeUpgrade(listener, request, socket, head))
  return server
}

const STATUS_OF: Record<string, number> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }

/** Answers what is not HTTP, in the little that can be said without a request. */
export function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  const answering: { _httpMessage?: { headersSent: boolean } } = socket as object
  if (error.code === 'ECONNRESET' || !socket.writable || answering._httpMessage?.headersSent === true) {
    socket.destroy()
    return
  }
  const status = STATUS_OF[error.code ?? ''] ?? 400
  const text = `${STATUS_CODES[status] ?? 'Bad Request'}\n`
  const headers = `connection: close\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${text.length}\r\n`
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${headers}\r\n${text}`, () =>
    socket.destroy()
  )
}

/** Open sockets of a server, to end those that would not end by themselves. */
export class Sockets {
  readonly #open = new Set<Socket>()

  constructor(server: Server) {
    server.on('connection', (socket) => {
      this.#open.add(socket)
      socket.once('close', () => this.#open.delete(socket))
    })
  }

  get size(): number {
    return this.#open.size
  }

  destroyAll(): void {
    for (const socket of this.#open) socket.destroy()
  }
}

/** The path of a request without its query. */
export const pathOf = (request: IncomingMessage): string => (request.url ?? '').split('?')[0] ?? ''
