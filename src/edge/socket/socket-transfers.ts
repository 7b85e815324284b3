/** The transfers of one socket, by their channels. */

import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { StoredEntry } from '../../client/entry-upload.ts'
import { PeerbinError, asPeerbinError, hasCode } from '../../errors.ts'
import type { EntryId } from '../../types.ts'
import { asking } from '../accounts/actor.ts'
import type { Actor } from '../accounts/actor.ts'
import { assertPermitted } from '../accounts/permissions.ts'
import type { EdgeContext } from '../context.ts'
import { parseDigest } from '../http/digests.ts'
import { FATAL_CODES } from '../tus/note-end.ts'
import { Channel } from './channel.ts'
import { errorAnswer } from './errors.ts'
import { CHANNELS_MAX, CHUNK_BYTES_MAX } from './messages.ts'
import type { ServerMessage, StartTransfer, abortTransfer, completeUpload, completed } from './messages.ts'
import { assertResumable, forsake, openTarget, sizeOf, takeTarget } from './transfer-target.ts'
import type { TransferTarget } from './transfer-target.ts'

/** Received by a socket, and not on its way into the cluster yet: no chunk's memory is leased for it so far. */
const QUEUED_BYTES_MAX = 512 * 1024

export interface SocketTransfersDeps {
  readonly context: EdgeContext
  readonly request: FastifyRequest
  readonly actor: Actor
  /** Aborts when the session is over. */
  readonly session: AbortSignal
  readonly send: (message: ServerMessage) => void
  /** Whether anything is to be read may have changed. */
  readonly onMoved: () => void
}

interface Opened extends Disposable {
  readonly channel: Channel
}

export class SocketTransfers {
  readonly #deps: SocketTransfersDeps
  readonly #open = new Map<number, Opened>()
  readonly #settling = new Set<Promise<void>>()
  #starting = 0
  #last = 0
  #isLeft = false

  constructor(deps: SocketTransfersDeps) {
    this.#deps = deps
  }

  /** Whether nothing more should be read for now. */
  get isFull(): boolean {
    const { windowBytes } = this.#deps.context.config.socket
    let queued = 0
    for (const { channel } of this.#open.values()) {
      queued += channel.queuedMemory
      if (channel.unacknowledgedBytes >= windowBytes) return true
    }
    return queued >= QUEUED_BYTES_MAX
  }

  /** Bytes of a transfer. What is wrong with them ends it, and is told. */
  receive(number: number, offset: number, bytes: Uint8Array): void {
    const channel = this.#open.get(number)?.channel
    // frames of one that has ended may be on their way still
    if (channel === undefined && number <= this.#last && number > 0) return
    try {
      if (channel === undefined) throw new PeerbinError('channel-unknown')
      channel.receive(offset, bytes)
    } catch (error) {
      if (channel !== undefined) channel.fail(asPeerbinError(error))
      else this.#deps.send(errorAnswer(asPeerbinError(error), { channel: number }))
    }
  }

  /** @throws what start-transfer is refused with */
  async start(message: StartTransfer): Promise<void> {
    const { context, actor } = this.#deps
    assertPermitted({ who: 'user', scope: 'files:write' }, actor)
    if (this.#isLeft) throw new PeerbinError('shutting-down')
    if (this.#open.size + this.#starting >= CHANNELS_MAX)
      throw new PeerbinError('too-many-transfers', `A socket has at most ${CHANNELS_MAX} transfers at once.`)
    this.#starting++
    using cleanup = new DisposableStack()
    try {
      const held = cleanup.use(context.transfers.hold())
      const signal = AbortSignal.any([held.signal, this.#deps.session])
      const fileOf = async (path: string, fallback: EntryId): Promise<EntryId> => {
        const asked = { actor: asking(actor), owner: actor.user, path }
        return (await context.controller.call('findEntry', asked, { signal })).entry?.id ?? fallback
      }
      const { target, pass, unlock } =
        message.resume === undefined
          ? await this.#create(message, signal, cleanup)
          : await this.#resume(message, signal, cleanup)
      const { keys } = target.file
      let fileId: EntryId
      try {
        fileId = target.ended?.stored?.entry ?? (await fileOf(target.path, keys.entry))
        if (this.#isLeft) throw new PeerbinError('aborted')
      } catch (error) {
        if (message.resume === undefined) context.transfers.follow(forsake(context, keys))
        throw error
      }
      const number = ++this.#last
      const resources = cleanup.move()
      const channel: Channel = new Channel({
        context,
        number,
        target,
        by: { history: context.history, request: this.#deps.request, actor },
        pass,
        signal,
        onMoved: this.#deps.onMoved,
        onKept: (offset) => this.#deps.send({ type: 'ack', channel: number, offset }),
        onFailure: (error) => this.#onFailure(number, error)
      })
      unlock.askToEnd = () => {
        if (channel.isCompleting) return
        channel.fail(new PeerbinError('upload-conflict', 'Somebody else goes on with it.'))
      }
      this.#open.set(number, { channel, [Symbol.dispose]: () => resources.dispose() })
      this.#deps.send({
        type: 'transfer',
        re: message.id,
        transfer: target.secret,
        channel: number,
        file_id: fileId,
        offset: target.offset,
        size: target.size,
        chunk_bytes_max: CHUNK_BYTES_MAX,
        window_bytes: context.config.socket.windowBytes
      })
    } finally {
      this.#starting--
    }
  }

  /** @throws `channel-unknown`; as Channel.complete */
  async complete({ id, channel: number, sha256 }: z.output<typeof completeUpload>): Promise<void> {
    const { channel } = this.#find(number)
    const digest = sha256 === undefined ? undefined : parseDigest(sha256, 'sha256', 'sha256')
    try {
      const { stored } = await channel.complete(digest)
      if (stored === undefined) throw new PeerbinError('internal', 'a file of a user became a link')
      const answer = await this.#completed(channel, stored)
      // what ended before is judged by what is there
      if (digest !== undefined && digest !== answer.sha256) throw new PeerbinError('checksum-mismatch')
      this.#deps.send({ ...answer, re: id })
      this.#close(number)
    } catch (error) {
      // another attempt would fail as this one did
      if (hasCode(error, ...FATAL_CODES, 'upload-gone', 'upload-conflict')) this.#close(number)
      throw error
    }
  }

  /** @throws `channel-unknown`, `no-controller`, … */
  async abandon({ id, channel: number }: z.output<typeof abortTransfer>): Promise<void> {
    const { channel } = this.#find(number)
    await channel.abandon()
    this.#close(number)
    this.#deps.send({ type: 'aborted', re: id, channel: number })
  }

  /** Nothing more comes: what was received is stored, and then everything given back. */
  leave(): void {
    this.#isLeft = true
    for (const number of this.#open.keys()) this.#close(number)
  }

  /** Resolves when nothing is done about any that was left. Never rejects. */
  async settled(): Promise<void> {
    await Promise.all(this.#settling)
  }

  #find(number: number): Opened {
    const opened = this.#open.get(number)
    if (opened === undefined) throw new PeerbinError('channel-unknown')
    return opened
  }

  async #create(message: StartTransfer, signal: AbortSignal, cleanup: DisposableStack): Promise<Begun> {
    const { context, actor } = this.#deps
    const size = sizeOf(context, actor, message)
    const pass = cleanup.use(context.addresses.upload(actor.user, 'user', size))
    const target = await openTarget(context, actor, message, signal)
    const unlock = await this.#lock(target.secret, signal, cleanup)
    return { target, pass, unlock }
  }

  async #resume(message: StartTransfer, signal: AbortSignal, cleanup: DisposableStack): Promise<Begun> {
    const { context, actor } = this.#deps
    const { secret, leftBytes } = await assertResumable(context, actor, message, signal)
    const pass = cleanup.use(context.addresses.part(actor.user, 'user', leftBytes))
    const unlock = await this.#lock(secret, signal, cleanup)
    const target = await takeTarget(context, actor, secret, signal)
    return { target, pass, unlock }
  }

  /** One at a time works on an upload at this edge, be it over a socket or by tus: the newest. */
  async #lock(secret: string, signal: AbortSignal, cleanup: DisposableStack): Promise<Unlock> {
    const unlock: Unlock = { askToEnd: () => undefined }
    const lock = this.#deps.context.uploadLocks.newLock(secret)
    await lock.lock(signal, () => unlock.askToEnd())
    cleanup.defer(() => void lock.unlock())
    return unlock
  }

  #onFailure(number: number, error: PeerbinError): void {
    const { context, send } = this.#deps
    if (error.status >= 500 && !this.#isLeft)
      context.logger.warn('a transfer over a socket failed', {
        code: error.code,
        ...(error.code === 'internal' && { err: error.cause ?? error })
      })
    send(errorAnswer(error, { channel: number }))
    this.#close(number)
  }

  #close(number: number): void {
    const opened = this.#open.get(number)
    if (opened === undefined) return
    this.#open.delete(number)
    const { channel } = opened
    channel.leave()
    const settling = channel.settled().then(() => {
      opened[Symbol.dispose]()
      this.#settling.delete(settling)
    })
    this.#settling.add(settling)
    this.#deps.context.transfers.follow(settling)
    this.#deps.onMoved()
  }

  /** Of an upload that ended before, here or elsewhere, the digest is asked for. @throws `upload-gone` */
  async #completed(
    { number, target }: Channel,
    { entry: id, version, sizeBytes: size, sha256 }: StoredEntry
  ): Promise<Omit<z.output<typeof completed>, 're'>> {
    const { context, actor, session } = this.#deps
    const answer = { type: 'completed' as const, channel: number, file_id: id, version, size }
    // that all copies are there is found out later
    if (sha256 !== undefined) return { ...answer, path: target.path, status: 'cached', sha256 }
    try {
      const asked = { actor: asking(actor), id, version }
      const known = await context.controller.call('getEntry', asked, { signal: session })
      const { status, sha256: digest } = known.version
      if (digest === null) throw new PeerbinError('upload-gone')
      return { ...answer, path: known.entry.path, status, sha256: digest }
    } catch (error) {
      if (!hasCode(error, 'file-unknown', 'version-unknown')) throw error
      throw new PeerbinError('upload-gone', '', { cause: error })
    }
  }
}

interface Unlock {
  /** What is done when a newer one wants the upload. */
  askToEnd: () => void
}

interface Begun {
  readonly target: TransferTarget
  readonly pass: ReturnType<EdgeContext['addresses']['upload']>
  readonly unlock: Unlock
}
