/** The snapshots on one node, as the controller reaches them. */

import { hasCode } from '../../errors.ts'
import type { SnapshotName } from '../../interfaces.ts'
import { SNAPSHOT_NAMES_MAX } from '../../protocol/limits.ts'
import type { ChunkMessages } from '../../protocol/messages.ts'
import type { RpcCaller } from '../../protocol/rpc.ts'
import type { PeerId, Term } from '../../types.ts'
import type { Piece } from './pieces.ts'

/** Names are listed to this many at most; a node keeps no more (node/snapshots/snapshot-keeper.ts). */
const NAMES_MAX = 128 * 1024

/** Reading, for whoever may; needs no term. */
export class SnapshotReader {
  protected readonly rpc: RpcCaller<ChunkMessages>
  protected readonly timeoutMs: number

  constructor(deps: { readonly rpc: RpcCaller<ChunkMessages>; readonly timeoutMs: number }) {
    this.rpc = deps.rpc
    this.timeoutMs = deps.timeoutMs
  }

  /** Every name the node keeps, in order. */
  async list(peer: PeerId, signal?: AbortSignal): Promise<SnapshotName[]> {
    const all: SnapshotName[] = []
    for (;;) {
      const after = all.at(-1)
      const request = after === undefined ? {} : { after }
      const { message } = await this.rpc.call(peer, 'listSnapshots', request, this.#options(signal))
      all.push(
        ...message.names.map(({ term, base, kind, sequence, part, parts }) => ({
          term,
          base,
          kind,
          sequence,
          part,
          parts
        }))
      )
      if (!message.more || message.names.length === 0 || all.length >= NAMES_MAX) return all
    }
  }

  /** @throws `chunk-not-found`, `chunk-corrupt`, and what the network throws */
  async get(peer: PeerId, name: SnapshotName, signal?: AbortSignal): Promise<Uint8Array> {
    const { body } = await this.rpc.call(
      peer,
      'getSnapshot',
      { name },
      { ...this.#options(signal), allocate: (sizeBytes) => new Uint8Array(sizeBytes) }
    )
    return body ?? new Uint8Array(0)
  }

  #options(signal: AbortSignal | undefined): { timeoutMs: number; signal?: AbortSignal } {
    return { timeoutMs: this.timeoutMs, ...(signal && { signal }) }
  }
}

export interface SnapshotWriterDeps {
  readonly rpc: RpcCaller<ChunkMessages>
  readonly timeoutMs: number
  /** Leading term. */
  readonly term: () => Term
  /** A node knows a greater one. */
  readonly onStale: (peer: PeerId) => void
}

/** Writing, for the leader. */
export class SnapshotWriter extends SnapshotReader {
  readonly #deps: SnapshotWriterDeps

  constructor(deps: SnapshotWriterDeps) {
    super(deps)
    this.#deps = deps
  }

  async put(peer: PeerId, piece: Piece, signal: AbortSignal, timeoutMs = this.timeoutMs): Promise<void> {
    await this.#told(peer, async (term) => {
      const body = { sizeBytes: piece.bytes.byteLength, pieces: [piece.bytes] }
      await this.rpc.call(peer, 'putSnapshot', { term, name: piece.name }, { timeoutMs, signal, body })
    })
  }

  async drop(peer: PeerId, names: readonly SnapshotName[], signal: AbortSignal): Promise<void> {
    for (let from = 0; from < names.length; from += SNAPSHOT_NAMES_MAX) {
      const page = names.slice(from, from + SNAPSHOT_NAMES_MAX)
      await this.#told(peer, async (term) => {
        await this.rpc.call(
          peer,
          'dropSnapshots',
          { term, names: page },
          { timeoutMs: this.timeoutMs, signal }
        )
      })
    }
  }

  async #told(peer: PeerId, work: (term: Term) => Promise<void>): Promise<void> {
    try {
      await work(this.#deps.term())
    } catch (error) {
      if (hasCode(error, 'term-stale')) this.#deps.onStale(peer)
      throw error
    }
  }
}
