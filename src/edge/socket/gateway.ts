/** The sockets of an edge: taken over from HTTP, counted, and ended when it stops. */

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { WebSocketServer } from 'ws'
import { PeerbinError } from '../../errors.ts'
import type { Actor } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import { headerOf } from '../http/accept.ts'
import { clientAddress } from '../limits/client-address.ts'
import { SocketConnection } from './connection.ts'
import { SUBPROTOCOL, TEXT_BYTES_MAX, CHUNK_BYTES_MAX } from './messages.ts'
import { upgradeOf } from './upgrade.ts'
import { CHUNK_HEADER_BYTES } from './write-chunk.ts'

/** A frame may come in so many pieces: nobody sends more who means well. */
const FRAGMENTS_MAX = 64

export class SocketGateway {
  readonly #context: EdgeContext
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false, // a few bytes could become many
    maxPayload: Math.max(TEXT_BYTES_MAX, CHUNK_HEADER_BYTES + CHUNK_BYTES_MAX),
    maxFragments: FRAGMENTS_MAX,
    handleProtocols: () => SUBPROTOCOL
  })
  readonly #open = new Set<SocketConnection>()
  readonly #perAddress = new Map<string, number>()
  readonly #perUser = new Map<string, number>()
  #isStopping = false

  constructor(context: EdgeContext) {
    this.#context = context
  }

  /** Sockets that are open. */
  get size(): number {
    return this.#open.size
  }

  /**
   * Answers a request with a socket.
   * @throws `socket-needed`, `origin-forbidden` for a page of another site that would use the cookie, `too-many-transfers`, `shutting-down`
   */
  accept(request: FastifyRequest, reply: FastifyReply): void {
    const { accounts, config } = this.#context
    const upgrade = upgradeOf(request.raw)
    const offered = headerOf(request.headers, 'sec-websocket-protocol')?.split(',') ?? []
    if (upgrade === undefined || !offered.some((name) => name.trim() === SUBPROTOCOL))
      throw new PeerbinError('socket-needed')
    if (this.#isStopping) throw new PeerbinError('shutting-down')
    accounts.assertSocketOrigin(request)
    const { connectionsMax, connectionsPerAddress } = config.socket
    if (this.#open.size >= connectionsMax) throw tooMany()
    const place = take(this.#perAddress, clientAddress(request), connectionsPerAddress)
    // from here on the connection is no longer Fastify's
    reply.hijack()
    const { socket, head, release } = upgrade
    release()
    socket.once('close', () => place[Symbol.dispose]())
    this.#handOver(request, socket, head)
  }

  /** Lets transfers store what they have received, then closes every socket. Never rejects. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all([...this.#open].map(async (connection) => await connection.stop()))
  }

  #handOver(request: FastifyRequest, duplex: Duplex, head: Buffer): void {
    const raw: IncomingMessage = request.raw
    this.#server.handleUpgrade(raw, duplex, head, (socket) => {
      const connection = new SocketConnection({
        context: this.#context,
        request,
        socket,
        admit: ({ user }: Actor) => take(this.#perUser, user, this.#context.config.socket.connectionsPerUser)
      })
      this.#open.add(connection)
      socket.once('close', () => this.#open.delete(connection))
      // it came while the edge began to stop
      if (this.#isStopping) connection.fail(new PeerbinError('shutting-down'))
    })
  }
}

const tooMany = (): PeerbinError =>
  new PeerbinError('too-many-transfers', 'There are too many sockets already.')

/** Counts one more until it is disposed of. @throws `too-many-transfers` */
function take(counts: Map<string, number>, key: string, limit: number): Disposable {
  const count = counts.get(key) ?? 0
  if (count >= limit) throw tooMany()
  counts.set(key, count + 1)
  let isOpen = true
  return {
    [Symbol.dispose]: () => {
      if (!isOpen) return
      isOpen = false
      const left = (counts.get(key) ?? 1) - 1
      if (left === 0) counts.delete(key)
      else counts.set(key, left)
    }
  }
}
