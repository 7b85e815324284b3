import type { Membership } from '../cluster/membership.ts'
import type { Config } from '../config.ts'
import { asPeerbinError, hasCode, PeerbinError } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import { matchesId } from '../protocol/ids.ts'
import type { ChunkMessages, Target } from '../protocol/messages.ts'
import type { BodySource, RpcCaller } from '../protocol/rpc.ts'
import { failpoints } from '../runtime/failpoints.ts'
import type { ChunkId, Generation, PeerId, Receipt } from '../types.ts'
import type { ArrivingChunk } from './arriving-chunk.ts'
import type { CopyTargets } from './copy-targets.ts'

export interface ReplicationDeps {
  self: PeerId
  chunkRpc: RpcCaller<ChunkMessages>
  membership: Membership
  config: Config['replication']
  logger: Logger
}

/** Whether trying again on the same node cannot help, so that the next one gets its turn at once. */
const isPointlessAgain = (error: PeerbinError): boolean =>
  !error.retryable || hasCode(error, 'store-full', 'store-failed', 'busy', 'shutting-down')

/**
 * Gives copies of a chunk to peers. It watches the peers of copies under way: one that stops giving heartbeats (a stopped process, a cut
 * cable) would hold a copy up until its time limit, so the copy leaves for the next node as soon as the peer is suspect.
 */
export class Replication {
  readonly #self: PeerId
  readonly #rpc: RpcCaller<ChunkMessages>
  readonly #membership: Membership
  readonly #config: Config['replication']
  readonly #logger: Logger
  readonly #underWay = new Map<AbortController, PeerId>()
  #unwatch: (() => void) | undefined

  constructor(deps: ReplicationDeps) {
    this.#self = deps.self
    this.#rpc = deps.chunkRpc
    this.#membership = deps.membership
    this.#config = deps.config
    this.#logger = deps.logger
  }

  /** Whether a write to this peer is unlikely to work: it was heard of, and is silent, full or read-only now. */
  isAway(peer: PeerId): boolean {
    const member = this.#membership.get(peer)
    return member !== undefined && (member.liveness !== 'active' || member.state !== 'active')
  }

  /**
   * Makes one copy of a chunk on one of `targets`, while it arrives or after. A node that fails is tried `attemptsPerNode` times, then the next takes
   * its place, `attemptsPerCopy` attempts in all.
   *
   * @param spoil called when a stream may still refer to the chunk's bytes after this has settled.
   * @throws the last attempt's error, `not-enough-nodes` when there was no target left, or the chunk's failure.
   */
  async copy(chunk: ArrivingChunk, targets: CopyTargets, spoil: () => void): Promise<Receipt> {
    let attempts = 0
    let last = new PeerbinError('not-enough-nodes', 'No further node was given for this copy.')
    while (attempts < this.#config.attemptsPerCopy) {
      const target = targets.next()
      if (target === undefined) throw last
      for (let onNode = 0; onNode < this.#config.attemptsPerNode; onNode++) {
        if (attempts >= this.#config.attemptsPerCopy) break
        attempts++
        try {
          return await this.#attempt(chunk, target)
        } catch (caught) {
          spoil()
          last = asPeerbinError(caught)
          // the peer verifies: either the bytes were damaged on the way, or they were wrong when they came here
          if (hasCode(last, 'chunk-corrupt') && chunk.isComplete && !matchesId(chunk.id, chunk.bytes)) {
            chunk.fail(last)
          }
          if (chunk.failure !== undefined) throw chunk.failure
          this.#logger.debug('a copy failed', { chunk: chunk.id, to: target.peer, attempts, err: last })
          if (isPointlessAgain(last) || this.isAway(target.peer)) break
        }
      }
      targets.giveUp(target)
    }
    throw last
  }

  /** One attempt; ends early when the chunk fails or the peer goes away. */
  async #attempt(chunk: ArrivingChunk, target: Target): Promise<Receipt> {
    const attempt = new AbortController()
    const onFailed = (): void => attempt.abort(chunk.failure)
    chunk.signal.addEventListener('abort', onFailed, { once: true })
    if (chunk.failure !== undefined) onFailed()
    // a peer that was away from the start is a last resort, and nothing would be gained by leaving it
    if (!this.isAway(target.peer)) this.#underWay.set(attempt, target.peer)
    try {
      const body = { sizeBytes: chunk.bytes.byteLength, pieces: chunk, repeatable: true }
      return await this.send(target.peer, chunk.id, chunk.generation, body, attempt.signal)
    } finally {
      this.#underWay.delete(attempt)
      chunk.signal.removeEventListener('abort', onFailed)
    }
  }

  /** Sends one chunk to one peer, to be kept there and not passed on. Resolves with the peer's receipt. */
  async send(
    peer: PeerId,
    id: ChunkId,
    generation: Generation,
    body: BodySource,
    signal: AbortSignal
  ): Promise<Receipt> {
    if (failpoints.armed) await failpoints.hit('chunk.copy.beforeSend', this.#self)
    const message = { id, generation, copies: 1, copiesMin: 1, hostsMin: 1, targets: [] }
    const answer = await this.#rpc.call(peer, 'put', message, {
      body,
      signal,
      timeoutMs: this.#config.putTimeoutMs
    })
    const receipt = answer.message.receipts[0]
    if (receipt?.peer !== peer || receipt.chunk !== id || receipt.generation !== generation) {
      throw new PeerbinError('protocol-violation', 'a node answered with a receipt for something else')
    }
    return receipt
  }

  /** Watches the peers of copies under way from now on. */
  start(): void {
    this.#unwatch ??= this.#membership.onChange(() => this.#leaveSilentPeers())
  }

  stop(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  #leaveSilentPeers(): void {
    for (const [attempt, peer] of this.#underWay) {
      // full or read-only is for the peer itself to answer: it may well take this one yet
      const liveness = this.#membership.get(peer)?.liveness ?? 'active'
      if (liveness === 'active') continue
      attempt.abort(new PeerbinError('peer-unreachable', 'The node gives no more signs of life.'))
    }
  }
}
