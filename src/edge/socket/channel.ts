/** One transfer on a socket: bytes come in, go into the cluster part by part, and are acknowledged as they are kept. */

import type { Ended } from '../../client/resume/resumable-writer.ts'
import { PeerbinError, asPeerbinError } from '../../errors.ts'
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import type { Timer } from '../../interfaces.ts'
import type { EdgeContext } from '../context.ts'
import type { UploadPass } from '../limits/address-limits.ts'
import { noteEnd, noteFailure } from '../tus/note-end.ts'
import type { NotedBy } from '../tus/note-end.ts'
import type { TransferTarget } from './transfer-target.ts'

/**
 * After so long without a byte what has come is stored as it is, though it is no whole chunk: whoever waits for an acknowledgement before going on gets one. Not while whole
 * chunks are on their way: the other side waits for those.
 */
const QUIET_MS = 500

/** What a frame takes beside its bytes, about: a file may come byte by byte. */
const FRAME_BYTES = 256

export interface ChannelDeps {
  readonly context: EdgeContext
  readonly number: number
  readonly target: TransferTarget
  readonly by: NotedBy
  readonly pass: UploadPass
  /** Ends all work on it at once: the session is over, or the edge stops. */
  readonly signal: AbortSignal
  /** More is kept, or more was taken out of the queue. */
  readonly onMoved: () => void
  readonly onKept: (offset: number) => void
  /** It has ended before its time; what has come is kept. Told once. */
  readonly onFailure: (error: PeerbinError) => void
}

export class Channel {
  readonly number: number
  readonly target: TransferTarget
  /** Resolves when nothing more is stored: everything is, or the transfer was left or failed. Never rejects. */
  readonly done: Promise<void>
  readonly #deps: ChannelDeps
  readonly #queue: Uint8Array[] = []
  #queuedBytes = 0
  #received: number
  #kept: number
  #leaving = false
  #failure: PeerbinError | undefined
  #wake = (): void => {}
  #completing: Promise<Ended> | undefined

  constructor(deps: ChannelDeps) {
    this.#deps = deps
    this.number = deps.number
    this.target = deps.target
    this.#received = this.#kept = deps.target.offset
    this.done = this.#run()
  }

  /** Memory of what was received, and is not on its way into the cluster yet. */
  get queuedMemory(): number {
    return this.#queuedBytes + this.#queue.length * FRAME_BYTES
  }

  get unacknowledgedBytes(): number {
    return this.#received - this.#kept
  }

  /** Nothing that comes is taken any more. */
  get isOver(): boolean {
    return this.#leaving || this.#failure !== undefined
  }

  /** @throws `offset-mismatch`, `too-large` */
  receive(offset: number, bytes: Uint8Array): void {
    if (this.isOver) return
    if (offset !== this.#received)
      throw new PeerbinError('offset-mismatch', '', { details: { offset: this.#received } })
    if (offset + bytes.byteLength > this.target.size)
      throw new PeerbinError('too-large', 'More was sent than start-transfer declared.')
    this.#deps.pass.received(bytes.byteLength)
    this.#received += bytes.byteLength
    this.#queuedBytes += bytes.byteLength
    this.#queue.push(bytes)
    this.#wake()
  }

  /** A file is being made of it: nobody is to take it over any more. */
  get isCompleting(): boolean {
    return this.#completing !== undefined
  }

  /** No more comes; what has come is stored. */
  leave(): void {
    this.#leaving = true
    this.#wake()
  }

  /** As `leave`, and tells the other side why. */
  fail(error: PeerbinError): void {
    if (this.isOver) return
    this.#failure = error
    this.#wake()
    this.#deps.onFailure(error)
  }

  /**
   * Makes a file of what came, once all of it is stored. A repeat joins the first.
   * @param sha256 hex, beside what was declared
   * @throws `upload-incomplete`; what made the transfer fail; what ends an upload (ResumableWriter.append)
   */
  async complete(sha256: string | undefined): Promise<Ended> {
    const { ended, size } = this.target
    if (ended !== undefined) return ended
    if (this.#received < size)
      throw this.#failure ?? new PeerbinError('upload-incomplete', 'Not all of the file was sent yet.')
    this.#completing ??= this.#complete(sha256).finally(() => (this.#completing = undefined))
    return await this.#completing
  }

  /** Gives it up, with what has come. @throws `no-controller`, … */
  async abandon(): Promise<void> {
    const { context, signal } = this.#deps
    this.#queue.length = 0
    this.#queuedBytes = 0
    this.leave()
    await context.resumable.abandon(this.target.file.keys, signal)
  }

  /** Resolves when nothing is done about it any more. Never rejects. */
  async settled(): Promise<void> {
    await this.done
    await this.#completing?.catch(() => undefined) // whoever asked for it was told
  }

  async #complete(sha256: string | undefined): Promise<Ended> {
    await this.done
    if (this.#failure !== undefined) throw this.#failure
    const { context, signal, by } = this.#deps
    const { file, path, size, isOwn } = this.target
    const { upload } = file.keys
    const { sha256: declared } = file.plan
    try {
      if (sha256 !== undefined && declared !== undefined && sha256 !== declared) {
        // whatever came, one of them is wrong
        await context.resumable.abandon(file.keys, signal)
        throw new PeerbinError('checksum-mismatch')
      }
      const plan = sha256 === undefined ? file.plan : { ...file.plan, sha256 }
      const ended = await context.resumable.end({ ...file, plan }, signal, isOwn)
      noteEnd(by, upload, ended, path)
      return ended
    } catch (error) {
      noteFailure(by, upload, { path, bytes: size }, error)
      throw error
    }
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { context, signal } = this.#deps
    try {
      while (this.#kept < this.target.size) {
        if (this.#queue.length > 0) await this.#append()
        else if (this.isOver) return
        else if (!(await this.#more(context.config.socket.idleMs)) && !this.isOver)
          throw new PeerbinError('upload-stalled')
        if (signal.aborted) return
      }
    } catch (error) {
      this.#queue.length = 0
      this.#queuedBytes = 0
      this.fail(asPeerbinError(error))
    }
  }

  async #append(): Promise<void> {
    const { context, signal } = this.#deps
    const offset = this.#received - this.#queuedBytes
    const { sizeBytes } = await context.resumable.append(this.target.file, {
      offset,
      source: this.#source(),
      ends: false,
      onKept: (sizeBytes) => this.#keep(sizeBytes),
      signal
    })
    // copies of something were lost while it was checked in: its sender has it still
    if (sizeBytes !== this.#received - this.#queuedBytes) throw new PeerbinError('copies-missing')
    this.#keep(sizeBytes)
  }

  /** What comes, up to where it stands still. */
  async *#source(): AsyncGenerator<Uint8Array, void, undefined> {
    const { config } = this.#deps.context
    for (;;) {
      const piece = this.#queue.shift()
      if (piece !== undefined) {
        this.#queuedBytes -= piece.byteLength
        this.#deps.onMoved()
        yield piece
        continue
      }
      if (this.isOver || this.#received === this.target.size) return
      // nodes that take their time are not the sender's fault: the part ends before it counts as stalled
      const waitMs =
        this.unacknowledgedBytes < CHUNK_BYTES_MAX ? QUIET_MS : Math.max(QUIET_MS, config.edge.stallMs / 2)
      if (!(await this.#more(waitMs))) return
    }
  }

  /** Waits for bytes, for more to be kept, or for the end; false when nothing of it came. */
  async #more(waitMs: number): Promise<boolean> {
    const { clock } = this.#deps.context
    return await new Promise<boolean>((resolve) => {
      const timer: Timer = clock.setTimer(waitMs, () => resolve(false), { unref: true })
      this.#wake = () => {
        timer.cancel()
        resolve(true)
      }
    })
  }

  #keep(sizeBytes: number): void {
    if (sizeBytes <= this.#kept) return
    this.#kept = sizeBytes
    this.#deps.onKept(sizeBytes)
    this.#deps.onMoved()
    this.#wake()
  }
}
