/** Puts one chunk into the cluster: reserve it, find nodes for it, and see it durable on enough of them. */

import type { Membership } from '../cluster/membership.ts'
import { hostsMinOf, rankNodes } from '../cluster/placement.ts'
import type { Config } from '../config.ts'
import { PeerbinError, asPeerbinError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Clock, Logger } from '../interfaces.ts'
import { chunkIdOf } from '../protocol/ids.ts'
import type { ChunkMessages } from '../protocol/messages.ts'
import type { RpcCaller } from '../protocol/rpc.ts'
import { sleep, throwIfAborted } from '../runtime/deadline.ts'
import type { ChunkId, Generation, Member, PeerId, Receipt, UploadId, UploadWriter } from '../types.ts'
import type { ControllerClient } from './controller-client.ts'

/** Targets a put message can name. */
const TARGETS_MAX = 32
/** Pause before a node is asked again; a refusal for lack of places is over after so long. */
const RETRY_MS = 100
/** Heartbeats of a node that comes back take about so long to be believed. */
const NODES_RETRY_AFTER_MS = 2000

/** The node cannot take the chunk now, whoever asks: another one at once. */
const ELSEWHERE_CODES: readonly ErrorCode[] = ['store-full', 'shutting-down', 'copies-missing']
/** The request is wrong, wherever it goes. */
const FINAL_CODES: readonly ErrorCode[] = [
  'bad-request',
  'chunk-too-large',
  'message-too-large',
  'role-forbidden'
]

export interface WriteRequest {
  upload: UploadId
  /** Of an upload that goes on later. */
  writer?: UploadWriter | undefined
  /** Position in the file from 0, or MANIFEST_INDEX. */
  index: number
  /** 1 to CHUNK_BYTES_MAX bytes; they must not change until the call has settled. */
  bytes: Uint8Array
  signal?: AbortSignal
}

export interface WrittenChunk {
  id: ChunkId
  sizeBytes: number
  generation: Generation
  /** None when the cluster held the chunk already. */
  receipts: Receipt[]
  /**
   * Whether nothing refers to the request's bytes any more. After an attempt that failed on the way to one that worked, a
   * stream may still do so, and the memory must not be used again.
   */
  bytesFree: boolean
  /** How often they had to be sent; 0: not at all. */
  attempts: number
}

export interface Placement {
  chunk: ChunkId
  generation: Generation
  bytes: Uint8Array
  signal: AbortSignal | undefined
}

/** What is needed of a put, from the members as they are now. */
interface Needs {
  ranked: Member[]
  hostsMin: 1 | 2
}

export class ChunkWriter {
  readonly #rpc: RpcCaller<ChunkMessages>
  readonly #controller: ControllerClient
  readonly #membership: Membership
  readonly #clock: Clock
  readonly #config: Config['replication']
  readonly #logger: Logger

  constructor(deps: {
    readonly rpc: RpcCaller<ChunkMessages>
    readonly controller: ControllerClient
    readonly membership: Membership
    readonly clock: Clock
    readonly config: Config['replication']
    readonly logger: Logger
  }) {
    this.#rpc = deps.rpc
    this.#controller = deps.controller
    this.#membership = deps.membership
    this.#clock = deps.clock
    this.#config = deps.config
    this.#logger = deps.logger
  }

  /**
   * Whether an upload could begin now, judged from what is known here. @throws `not-enough-nodes` or `cluster-full`, with the
   * time after which asking again makes sense.
   */
  checkNodes(): void {
    // the placement of any chunk will do: how many nodes are writable does not depend on it
    this.#needs(chunkIdOf(new Uint8Array(1)), undefined)
  }

  /**
   * Resolves when `copiesMin` nodes (on two hosts, where the membership has two) hold the chunk durably.
   *
   * @throws `not-enough-nodes`, `cluster-full`, what the controller says to the reservation, the signal's reason, or why the last attempt failed.
   * After an error the bytes must not be used again: a stream may still refer to them.
   */
  async write(request: WriteRequest): Promise<WrittenChunk> {
    const { upload, writer, index, bytes, signal } = request
    const chunk = chunkIdOf(bytes)
    const sizeBytes = bytes.byteLength
    const { generation, present } = await this.#controller.call(
      'reserveChunk',
      { upload, index, chunk, sizeBytes, ...(writer !== undefined && { writer }) },
      signal && { signal }
    )
    const written = { id: chunk, sizeBytes, generation }
    if (present) return { ...written, receipts: [], bytesFree: true, attempts: 0 }
    const placed = await this.#place({ chunk, generation, bytes, signal })
    return { ...written, ...placed }
  }

  /**
   * Sends a chunk that was reserved, whatever nodes have it already. @throws what `write` does, but for reserving
   */
  async send(placement: Placement): Promise<Pick<WrittenChunk, 'receipts' | 'bytesFree' | 'attempts'>> {
    return await this.#place(placement)
  }

  /** Attempts one after another: the same node again, then the next one, `attemptsPerCopy` in all. */
  async #place(placement: Placement): Promise<Pick<WrittenChunk, 'receipts' | 'bytesFree' | 'attempts'>> {
    const { chunk, bytes, signal } = placement
    const attempts = new Map<PeerId, number>()
    let current: PeerId | undefined
    let lastError: PeerbinError | undefined
    for (let attempt = 1; attempt <= this.#config.attemptsPerCopy; attempt++) {
      throwIfAborted(signal)
      if (attempt > 1) await sleep(this.#clock, RETRY_MS, signal)
      const needs = this.#needsAfter(attempts, chunk, bytes.byteLength)
      const first: Member | undefined =
        needs.ranked.find((member) => member.peer === current) ??
        needs.ranked.find((member) => !attempts.has(member.peer))
      if (first === undefined) break // every node that is left has had its attempts
      const made = (attempts.get(first.peer) ?? 0) + 1
      attempts.set(first.peer, made)
      try {
        const receipts = await this.#put(placement, first, needs, attempts)
        return { receipts, bytesFree: attempt === 1, attempts: attempt }
      } catch (caught) {
        throwIfAborted(signal)
        lastError = asPeerbinError(caught)
        this.#logger.warn('a node did not take a chunk', {
          chunk,
          peer: first.peer,
          code: lastError.code,
          attempt
        })
        if (FINAL_CODES.includes(lastError.code)) break
        const stay = made < this.#config.attemptsPerNode && !ELSEWHERE_CODES.includes(lastError.code)
        current = stay ? first.peer : undefined
      }
    }
    throw failed(lastError, sum(attempts.values()))
  }

  /** One attempt; `attempts` tells which nodes have failed before and should be passed copies last. */
  async #put(
    { chunk, generation, bytes, signal }: Placement,
    first: Member,
    { ranked, hostsMin }: Needs,
    attempts: ReadonlyMap<PeerId, number>
  ): Promise<Receipt[]> {
    const others = ranked.filter((member) => member.peer !== first.peer)
    const targets = [
      ...others.filter((member) => !attempts.has(member.peer)),
      ...others.filter((member) => attempts.has(member.peer))
    ]
      .slice(0, TARGETS_MAX)
      .map(({ peer, host }) => ({ peer, host }))
    const { copiesMin } = this.#config
    const copies = Math.max(copiesMin, Math.min(this.#config.copies, ranked.length))
    const { message } = await this.#rpc.call(
      first.peer,
      'put',
      { id: chunk, generation, copies, copiesMin, hostsMin, targets },
      {
        // the node gives a hanging peer up after putTimeoutMs and then needs time for the next one
        timeoutMs: this.#config.putTimeoutMs * 2,
        body: { sizeBytes: bytes.byteLength, pieces: [bytes] },
        ...(signal && { signal })
      }
    )
    this.#checkReceipts(message.receipts, chunk, generation, hostsMin)
    return message.receipts
  }

  /** An acknowledgement rests on these: a node that miscounts must not lose a file. */
  #checkReceipts(
    receipts: readonly Receipt[],
    chunk: ChunkId,
    generation: Generation,
    hostsMin: number
  ): void {
    const valid = receipts.filter((receipt) => receipt.chunk === chunk && receipt.generation >= generation)
    const peers = new Set(valid.map((receipt) => receipt.peer))
    const hosts = new Set(valid.map((receipt) => receipt.host))
    if (valid.length === receipts.length && peers.size >= this.#config.copiesMin && hosts.size >= hostsMin)
      return
    throw new PeerbinError('protocol-violation', 'a node answered without the receipts that were asked for')
  }

  /** @throws as #needs, with how often was tried before so many nodes were gone */
  #needsAfter(attempts: ReadonlyMap<PeerId, number>, chunk: ChunkId, sizeBytes: number): Needs {
    try {
      return this.#needs(chunk, sizeBytes)
    } catch (error) {
      throw failed(asPeerbinError(error), sum(attempts.values()))
    }
  }

  #needs(chunk: ChunkId, sizeBytes: number | undefined): Needs {
    const members = this.#membership.all()
    const ranked = rankNodes(chunk, members, sizeBytes === undefined ? {} : { sizeBytes })
    const hostsMin = hostsMinOf(this.#membership.nodeHosts())
    const { copiesMin } = this.#config
    if (isEnough(ranked, copiesMin, hostsMin)) return { ranked, hostsMin }
    const active = members.filter((member) => member.liveness === 'active' && member.roles.includes('node'))
    throw new PeerbinError(isEnough(active, copiesMin, hostsMin) ? 'cluster-full' : 'not-enough-nodes', '', {
      retryAfterMs: NODES_RETRY_AFTER_MS,
      details: { active: active.length, writable: ranked.length, copiesMin }
    })
  }
}

/** The last error, with how often was tried. */
function failed(last: PeerbinError | undefined, attempts: number): PeerbinError {
  if (last === undefined)
    return new PeerbinError('not-enough-nodes', '', {
      retryAfterMs: NODES_RETRY_AFTER_MS,
      details: { attempts }
    })
  const { code, message, retryAfterMs, details } = last
  return new PeerbinError(code, message, {
    cause: last,
    details: { ...details, attempts },
    ...(retryAfterMs !== undefined && { retryAfterMs })
  })
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, each) => total + each, 0)

const isEnough = (nodes: readonly Member[], copiesMin: number, hostsMin: number): boolean =>
  nodes.length >= copiesMin && new Set(nodes.map((node) => node.host)).size >= hostsMin
