import type { Config } from '../config.ts'
import { asPeerbinError, PeerbinError } from '../errors.ts'
import type { ChunkStore, Clock, Logger } from '../interfaces.ts'
import { matchesId } from '../protocol/ids.ts'
import { CHUNK_BYTES_MAX } from '../protocol/limits.ts'
import type { ChunkMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'
import type { BodyReader, RpcAnswer, RpcRequest } from '../protocol/rpc.ts'
import { abortable, deadline } from '../runtime/deadline.ts'
import { failpoints } from '../runtime/failpoints.ts'
import type { PeerId, Receipt } from '../types.ts'
import { ArrivingChunk } from './arriving-chunk.ts'
import type { ChunkBuffer, ChunkBuffers } from './chunk-buffers.ts'
import { CopyTargets } from './copy-targets.ts'
import type { Draining } from './draining.ts'
import type { FinishedPuts } from './finished-puts.ts'
import type { Places, PutPlaces } from './places.ts'
import { ReceiptTally } from './receipt-tally.ts'
import type { Replication } from './replication.ts'

type PutMessage = RequestOf<ChunkMessages, 'put'>

export interface IntakeDeps {
  self: PeerId
  host: string
  boot: () => number
  store: ChunkStore
  puts: FinishedPuts
  draining: Pick<Draining, 'checkTakes'>
  places: Places
  buffers: ChunkBuffers
  replication: Replication
  clock: Clock
  logger: Logger
  config: Config['replication']
  /**
   * Told of each copy that came to be, once it is durable. The peer that holds it tells of it too: either of the two may be lost before it has, and a
   * copy that nobody knows of is never deleted.
   */
  onReceipt: (receipt: Receipt) => void
  /** Told when the own store could not keep a chunk. */
  onStoreError: (error: PeerbinError) => void
}

/** One put under way. */
interface Put {
  readonly message: PutMessage
  readonly chunk: ArrivingChunk
  readonly buffer: ChunkBuffer
  readonly tally: ReceiptTally
  /** Gets every receipt, those after the answer too. */
  readonly onReceipt: (receipt: Receipt) => void
}

/**
 * Takes chunks in: receives, passes on while receiving, stores, counts receipts, answers as soon as enough copies are durable. What is
 * not done by then goes on behind and does not depend on the requester any more.
 */
export class Intake {
  readonly #deps: IntakeDeps
  readonly #chunks = new Set<ArrivingChunk>()
  readonly #running = new Set<Promise<void>>()

  constructor(deps: IntakeDeps) {
    this.#deps = deps
  }

  /** Puts with something still under way, those that were answered included. */
  get underWay(): number {
    return this.#running.size
  }

  async put(request: RpcRequest<PutMessage>): Promise<RpcAnswer<ResponseOf<ChunkMessages, 'put'>>> {
    const { message, body } = request
    const { config, clock, draining, places } = this.#deps
    draining.checkTakes()
    if (body === undefined || body.sizeBytes === 0) {
      throw new PeerbinError('protocol-violation', 'a put comes with the bytes of the chunk')
    }
    if (body.sizeBytes > CHUNK_BYTES_MAX) throw new PeerbinError('chunk-too-large')
    const self = { peer: this.#deps.self, host: this.#deps.host }
    const targets = new CopyTargets(message.targets, self, (peer) => this.#deps.replication.isAway(peer))
    using limit = deadline(clock, config.putTimeoutMs, request.signal)
    const held = await places.enterPut(Math.min(message.copies - 1, targets.left), limit.signal)
    const put = this.#begin(message, body.sizeBytes, held.jobs)
    const copying = this.#copy(put, targets, held)
    const arrived = this.#receive(put, body, limit.signal)
    this.#track(put.chunk, [copying, this.#store(put, arrived, held)])
    await arrived
    // every attempt has its own limit, and this is all of them together
    using wait = deadline(clock, config.putTimeoutMs * config.attemptsPerCopy, request.signal)
    const receipts = await abortable(put.tally.decided, wait.signal)
    return { message: { receipts, owed: Math.max(0, message.copies - receipts.length) } }
  }

  /** Ends everything that is still arriving or being passed on. */
  abort(reason: PeerbinError): void {
    for (const chunk of this.#chunks) chunk.fail(reason)
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  #begin(message: PutMessage, sizeBytes: number, jobs: number): Put {
    const buffer = this.#deps.buffers.take(sizeBytes)
    const chunk = new ArrivingChunk(message.id, message.generation, buffer.bytes)
    const { copies, copiesMin, hostsMin } = message
    const tally = new ReceiptTally({ copies, copiesMin, hostsMin, parties: 1 + jobs })
    const onReceipt = (receipt: Receipt): void => {
      tally.add(receipt)
      this.#deps.onReceipt(receipt)
    }
    return { message, chunk, buffer, tally, onReceipt }
  }

  /** Reads the body. Resolves when all of it is there; otherwise the chunk has failed, for those it is passed on to as well. */
  async #receive(put: Put, body: BodyReader, signal: AbortSignal): Promise<void> {
    const { chunk, buffer, tally } = put
    try {
      const reading = body.readInto(chunk.bytes, (filledBytes) => chunk.advance(filledBytes))
      await abortable(reading, signal)
      chunk.advance(chunk.bytes.byteLength)
    } catch (caught) {
      buffer.spoil() // the read may not have ended
      const error = asPeerbinError(caught, 'peer-unreachable')
      chunk.fail(error)
      tally.fail(error)
      throw error
    }
  }

  /** Keeps the chunk here once it has arrived. The store verifies the bytes before it takes them. */
  async #store(put: Put, arrived: Promise<void>, held: PutPlaces): Promise<void> {
    const { chunk, buffer, message, tally } = put
    try {
      await arrived
      if (failpoints.armed) await failpoints.hit('chunk.put.beforeStore', this.#deps.self)
      const { puts, store } = this.#deps
      const { id, generation } = message
      await puts.put(id, generation, async () => await store.put(id, chunk.bytes, generation))
      if (failpoints.armed) await failpoints.hit('chunk.put.beforeReceipt', this.#deps.self)
      // only now, after the store has synced, does a receipt exist
      put.onReceipt(this.#receipt(message))
    } catch (caught) {
      this.#storeFailed(put, asPeerbinError(caught, 'store-failed'))
    } finally {
      buffer.release()
      held.receiving.release()
      if (chunk.failure !== undefined) tally.fail(chunk.failure)
    }
  }

  #storeFailed(put: Put, error: PeerbinError): void {
    const { chunk, message, tally } = put
    if (chunk.failure !== undefined) return // never arrived: the store was not asked
    // a store may refuse before it looks at the bytes, and wrong bytes must not be tried on node after node
    if (error.code === 'chunk-corrupt' || !matchesId(message.id, chunk.bytes)) {
      chunk.fail(new PeerbinError('chunk-corrupt'))
      return
    }
    this.#deps.onStoreError(error)
    this.#deps.logger.warn('a chunk could not be stored here', { chunk: message.id, code: error.code })
    tally.missOwn(error)
  }

  /** Passes the chunk on, as many copies at once as there are places for. */
  async #copy(put: Put, targets: CopyTargets, held: PutPlaces): Promise<void> {
    try {
      await Promise.all(Array.from({ length: held.jobs }, async () => await this.#copyOnce(put, targets)))
    } finally {
      held.copying?.release()
    }
  }

  async #copyOnce(put: Put, targets: CopyTargets): Promise<void> {
    const { chunk, buffer, tally } = put
    buffer.hold()
    try {
      put.onReceipt(await this.#deps.replication.copy(chunk, targets, () => buffer.spoil()))
    } catch (caught) {
      if (chunk.failure !== undefined) return tally.fail(chunk.failure)
      this.#deps.logger.warn('a copy was given up', { chunk: chunk.id, code: asPeerbinError(caught).code })
      tally.miss()
    } finally {
      buffer.release()
    }
  }

  #receipt(message: PutMessage): Receipt {
    const { self, host } = this.#deps
    return { peer: self, host, chunk: message.id, generation: message.generation, boot: this.#deps.boot() }
  }

  #track(chunk: ArrivingChunk, parts: Array<Promise<void>>): void {
    this.#chunks.add(chunk)
    const all = Promise.allSettled(parts).then((results) => {
      this.#chunks.delete(chunk)
      this.#running.delete(all)
      for (const result of results) {
        if (result.status === 'fulfilled') continue
        this.#deps.logger.error('a put broke down', { chunk: chunk.id, err: result.reason as unknown })
      }
    })
    this.#running.add(all)
  }
}
