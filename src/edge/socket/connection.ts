/** One socket, from its upgrade to its end: who it belongs to, what it asks, and how much of it is read. */

import type { FastifyRequest } from 'fastify'
import type { RawData, WebSocket } from 'ws'
import { PeerbinError, asPeerbinError } from '../../errors.ts'
import type { Timer } from '../../interfaces.ts'
import { abortReason, abortScope } from '../../runtime/deadline.ts'
import type { Actor } from '../accounts/actor.ts'
import type { Guard } from '../accounts/session-watch.ts'
import type { EdgeContext } from '../context.ts'
import { clientAddress } from '../limits/client-address.ts'
import { closeCodeOf, errorAnswer } from './errors.ts'
import { CHUNK_BYTES_MAX, TEXT_BYTES_MAX, clientMessage } from './messages.ts'
import type { ClientMessage, ConnectMessage } from './messages.ts'
import { Outbox } from './outbox.ts'
import { pushEvents } from './pushed-event.ts'
import { answerHistory } from './get-history.ts'
import { Subscriptions } from './subscriptions.ts'
import { SocketTransfers } from './socket-transfers.ts'
import { decodeChunk } from './write-chunk.ts'

/** Questions that are being answered; while there are more, nothing is read. */
const REQUESTS_MAX = 16
/** Whoever does not end a socket that was closed has it ended. */
const CLOSE_MS = 2000
/** Missed pings, and a half, before a socket counts as lost. */
const LOST_HEARTBEATS = 2.5

export interface ConnectionDeps {
  readonly context: EdgeContext
  readonly request: FastifyRequest
  readonly socket: WebSocket
  /** Counts a socket of a user until it is disposed of. @throws `too-many-transfers` */
  readonly admit: (actor: Actor) => Disposable
}

/** Whoever it belongs to, once that is known. */
interface Session extends Disposable {
  readonly actor: Actor
  readonly guard: Guard
}

interface Received {
  readonly data: Buffer
  readonly isBinary: boolean
}

type Request = Exclude<ClientMessage, ConnectMessage>

const asBuffer = (data: RawData): Buffer =>
  Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)

export class SocketConnection {
  readonly #deps: ConnectionDeps
  readonly #outbox: Outbox
  /** Aborts with the socket. */
  readonly #scope = abortScope()
  readonly #timers = new Set<Timer>()
  #state: 'silent' | 'connecting' | 'open' | 'closing' = 'silent'
  #session: Session | undefined
  #transfers: SocketTransfers | undefined
  #subscriptions: Subscriptions | undefined
  #requests = 0
  #isTaking = false
  readonly #backlog: Received[] = []
  #heardAt: number

  constructor(deps: ConnectionDeps) {
    this.#deps = deps
    const { socket, context } = deps
    const { clock, config } = context
    this.#heardAt = clock.monotonic()
    this.#outbox = new Outbox({
      socket,
      clock,
      stalledMs: config.socket.stalledMs,
      onStall: () => this.fail(new PeerbinError('socket-stalled')),
      onRoom: () => this.#regulate()
    })
    socket.on('message', (data, isBinary) => this.#onMessage(asBuffer(data), isBinary))
    socket.on('pong', () => this.#heard())
    socket.on('ping', () => this.#heard())
    // what breaks the protocol of WebSockets itself, `ws` answers and closes
    socket.on('error', () => this.#after(CLOSE_MS, () => socket.terminate()))
    socket.once('close', () => this.#onClose())
    this.#after(config.socket.connectMs, () => {
      if (this.#state === 'silent' || this.#state === 'connecting')
        this.fail(new PeerbinError('socket-stalled', 'Nobody said in time whose socket this is.'))
    })
    this.#beat()
  }

  /** Says why, and closes. What transfers have received is stored. */
  fail(error: PeerbinError, re?: string): void {
    if (this.#state === 'closing') return
    this.#state = 'closing'
    this.#scope.abort(error)
    const { socket } = this.#deps
    this.#outbox.send(errorAnswer(error, { re }))
    socket.close(closeCodeOf(error), error.code)
    socket.resume() // or the other side's end of it would not be read
    this.#after(CLOSE_MS, () => socket.terminate())
    this.#transfers?.leave()
  }

  /** For the edge's stop: transfers store what they have received, and acknowledge it, before the socket is closed. Never rejects. */
  async stop(): Promise<void> {
    this.#transfers?.leave()
    await this.#transfers?.settled()
    this.fail(new PeerbinError('shutting-down'))
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#state === 'closing') return
    this.#heard()
    this.#backlog.push({ data, isBinary })
    this.#regulate()
  }

  #take({ data, isBinary }: Received): void {
    try {
      if (isBinary) this.#onChunk(data)
      else this.#onText(data)
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(thrown: unknown, re?: string): void {
    const error = asPeerbinError(thrown)
    if (error.code === 'internal')
      this.#deps.context.logger.warn('a socket failed', { err: error.cause ?? error })
    this.fail(error, re)
  }

  #onChunk(frame: Buffer): void {
    if (this.#transfers === undefined) throw new PeerbinError('bad-request', 'The first message is connect.')
    const { channel, offset, bytes } = decodeChunk(frame)
    if (bytes.byteLength > CHUNK_BYTES_MAX)
      throw new PeerbinError('bad-request', `A write-chunk has at most ${CHUNK_BYTES_MAX} bytes.`)
    this.#transfers.receive(channel, offset, bytes)
  }

  #onText(data: Buffer): void {
    const limited = this.#count()
    const given = objectOf(data)
    const { success, data: message, error } = clientMessage.safeParse(given)
    if (this.#state !== 'open') {
      // a good token is found out by a good message only
      if (this.#state !== 'silent' || !success || message.type !== 'connect')
        throw new PeerbinError(
          'bad-request',
          'The first message is connect, and the next one waits for its answer.'
        )
      if (limited !== undefined) return this.#failed(limited, message.id)
      this.#state = 'connecting'
      void this.#connect(message)
      return
    }
    if (limited !== undefined) {
      this.#outbox.send(errorAnswer(limited, { re: idOf(given) }))
      return
    }
    if (!success) {
      const [issue] = error.issues
      const field = issue?.path.join('.') ?? ''
      const refusal = new PeerbinError('invalid-field', `${field}: ${issue?.message ?? ''}`, {
        details: { field }
      })
      this.#outbox.send(errorAnswer(refusal, { re: idOf(given) }))
      return
    }
    if (message.type === 'connect') {
      const refusal = new PeerbinError('bad-request', 'This socket is connected already.')
      this.#outbox.send(errorAnswer(refusal, { re: message.id }))
      return
    }
    void this.#answer(message)
  }

  /** One more request of its address, whatever it says: why it is one too many, if it is. */
  #count(): PeerbinError | undefined {
    const { context, request } = this.#deps
    try {
      context.addresses.request(clientAddress(request))
      return undefined
    } catch (error) {
      return asPeerbinError(error)
    }
  }

  /** Never rejects. */
  async #connect(message: ConnectMessage): Promise<void> {
    const { context, request, admit } = this.#deps
    try {
      const { accounts, sessions, config } = context
      const actor =
        message.token === undefined
          ? await accounts.identify(request)
          : await accounts.identifyText(message.token)
      if (actor === undefined) throw new PeerbinError('credentials-missing')
      if (this.#state === 'closing') return
      this.#session = openSession(actor, sessions.guard(actor), admit)
      const { signal } = this.#session.guard
      signal.addEventListener('abort', () => this.fail(abortReason(signal)), { once: true })
      if (signal.aborted) throw abortReason(signal)
      const pushing = { context, actor, outbox: this.#outbox, signal: this.#scope.signal }
      const events = await pushEvents(pushing, message)
      if (this.#isClosing) return
      this.#subscriptions = new Subscriptions(pushing)
      this.#transfers = new SocketTransfers({
        context,
        request,
        actor,
        session: signal,
        send: (answer) => this.#outbox.send(answer),
        onMoved: () => this.#regulate()
      })
      this.#state = 'open'
      this.#outbox.send({
        type: 'connected',
        ...(message.id !== undefined && { re: message.id }),
        user_id: actor.user,
        username: actor.name,
        role: actor.role,
        cursor: events?.cursor ?? null,
        heartbeat_ms: config.socket.heartbeatMs,
        chunk_bytes_max: CHUNK_BYTES_MAX,
        window_bytes: config.socket.windowBytes
      })
      events?.run().catch((error: unknown) => {
        if (!this.#scope.signal.aborted) this.#failed(error)
      })
    } catch (error) {
      this.#failed(error, message.id)
    }
  }

  /** A method, since what a wait changes is not seen by the checker. */
  get #isClosing(): boolean {
    return this.#state === 'closing'
  }

  /** Never rejects. */
  async #answer(message: Request): Promise<void> {
    const { context } = this.#deps
    this.#requests++
    try {
      await this.#ask(message)
    } catch (thrown) {
      const error = asPeerbinError(thrown)
      if (error.status >= 500 && !this.#isClosing)
        context.logger.warn('a request over a socket failed', {
          type: message.type,
          code: error.code,
          ...(error.code === 'internal' && { err: error.cause ?? error })
        })
      this.#outbox.send(errorAnswer(error, { re: message.id }))
    } finally {
      this.#requests--
      this.#regulate()
    }
  }

  async #ask(message: Request): Promise<void> {
    const { context } = this.#deps
    const actor = this.#session?.actor
    const transfers = this.#transfers
    const subscriptions = this.#subscriptions
    if (actor === undefined || transfers === undefined || subscriptions === undefined)
      throw new PeerbinError('credentials-missing')
    switch (message.type) {
      case 'start-transfer':
        return await transfers.start(message)
      case 'complete-upload':
        return await transfers.complete(message)
      case 'abort-transfer':
        return await transfers.abandon(message)
      case 'get-history':
        return this.#outbox.send(await answerHistory(context, actor, message, this.#scope.signal))
      case 'subscribe':
        return await subscriptions.add(message)
      case 'unsubscribe':
        return subscriptions.remove(message)
      case 'alive': {
        const now = new Date(context.clock.now()).toISOString()
        return this.#outbox.send({ type: 'alive', ...(message.id !== undefined && { re: message.id }), now })
      }
    }
  }

  /** Whether there is more to be done, or to be taken by the other side, than is good. */
  get #isFull(): boolean {
    return this.#outbox.isFull || this.#requests >= REQUESTS_MAX || this.#transfers?.isFull === true
  }

  /** Nothing is read while it is full: what waits stays with the other side, but for what had come in the same piece of 64 KiB, hundreds of messages it may be. */
  #regulate(): void {
    if (this.#isTaking) return
    this.#isTaking = true
    while (!this.#isFull && !this.#isClosing) {
      const next = this.#backlog.shift()
      if (next === undefined) break
      this.#take(next)
    }
    this.#isTaking = false
    if (this.#isClosing) return
    const { socket } = this.#deps
    if (this.#isFull) {
      if (!socket.isPaused) socket.pause()
    } else if (socket.isPaused) {
      this.#heard() // while nothing was read nothing could be heard
      socket.resume()
    }
  }

  #heard(): void {
    this.#heardAt = this.#deps.context.clock.monotonic()
  }

  #beat(): void {
    const { context, socket } = this.#deps
    const { heartbeatMs } = context.config.socket
    this.#after(heartbeatMs, () => {
      if (this.#state === 'closing') return
      const silentMs = context.clock.monotonic() - this.#heardAt
      if (silentMs > LOST_HEARTBEATS * heartbeatMs && !socket.isPaused)
        return this.fail(new PeerbinError('socket-stalled'))
      socket.ping()
      this.#beat()
    })
  }

  #after(delayMs: number, work: () => void): void {
    const timer: Timer = this.#deps.context.clock.setTimer(
      delayMs,
      () => {
        this.#timers.delete(timer)
        work()
      },
      { unref: true }
    )
    this.#timers.add(timer)
  }

  #onClose(): void {
    this.#state = 'closing'
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    this.#backlog.length = 0
    this.#outbox.stop()
    this.#scope.abort(new PeerbinError('aborted'))
    this.#transfers?.leave()
    this.#session?.[Symbol.dispose]()
  }
}

/** Takes the guard back where there are too many sockets of the user already. @throws `too-many-transfers` */
function openSession(actor: Actor, guard: Guard, admit: (actor: Actor) => Disposable): Session {
  try {
    const place = admit(actor)
    return {
      actor,
      guard,
      [Symbol.dispose]: () => {
        place[Symbol.dispose]()
        guard[Symbol.dispose]()
      }
    }
  } catch (error) {
    guard[Symbol.dispose]()
    throw error
  }
}

/** @throws `bad-request` for what is no JSON object: whoever sends that speaks another protocol */
function objectOf(data: Buffer): object {
  if (data.byteLength > TEXT_BYTES_MAX)
    throw new PeerbinError('bad-request', `A message has at most ${TEXT_BYTES_MAX} bytes.`)
  try {
    const value: unknown = JSON.parse(data.toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // told below
  }
  throw new PeerbinError('bad-request', 'A message is a JSON object.')
}

const idOf = (given: object): string | undefined =>
  'id' in given && typeof given.id === 'string' ? given.id.slice(0, 64) : undefined
