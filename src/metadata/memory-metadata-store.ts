/**
 * The reference model: what the metadata must do, in Maps. Every call runs to its end before the next, so each is one atomic step. Used by tests, the
 * simulator and clusters that live in one process only.
 */

import { PeerbinError } from '../errors.ts'
import type { CopyRecord, MetadataStore, NodeRecord, OwedChunk, StoreStats } from '../metadata-store.ts'
import type { ChunkId, FileChunk, FileId, FileRecord, PeerId, Term } from '../types.ts'
import * as garbage from './memory/garbage.ts'
import * as links from './memory/links.ts'
import { byDigest, byText, copiesOf, emptyState } from './memory/state.ts'
import type { State } from './memory/state.ts'
import * as uploads from './memory/uploads.ts'

type Arguments<Name extends keyof MetadataStore> = MetadataStore[Name] extends (...args: infer A) => unknown
  ? A
  : never

export class MemoryMetadataStore implements MetadataStore {
  readonly durable = false
  readonly #state: State = emptyState()
  #isOpen = false

  async open(): Promise<void> {
    this.#isOpen = true
  }

  /** What was recorded stays until the object is gone, so that a test can open it again. */
  async close(): Promise<void> {
    this.#isOpen = false
  }

  get #opened(): State {
    if (!this.#isOpen) throw new PeerbinError('shutting-down', 'the metadata store is not open')
    return this.#state
  }

  async advanceTerm(atLeast: Term): Promise<Term> {
    const state = this.#opened
    state.term = (Math.max(state.term, atLeast) + 1) as Term
    return state.term
  }

  async advanceTime(now: number): Promise<number> {
    const state = this.#opened
    state.time = Math.max(state.time, now)
    return state.time
  }

  async recordNodes(nodes: NodeRecord[]): Promise<void> {
    const state = this.#opened
    for (const node of nodes) {
      const known = state.nodes.get(node.peer)
      const isNewer =
        known === undefined ||
        known.boot < node.boot ||
        (known.boot === node.boot && known.sequence < node.sequence)
      if (isNewer) state.nodes.set(node.peer, structuredClone(node))
    }
  }

  async listNodes(): Promise<NodeRecord[]> {
    return structuredClone([...this.#opened.nodes.values()].toSorted((a, b) => byText(a.peer, b.peer)))
  }

  async openUpload(...args: Arguments<'openUpload'>): ReturnType<MetadataStore['openUpload']> {
    uploads.openUpload(this.#opened, ...args)
  }

  async reserveChunk(...args: Arguments<'reserveChunk'>): ReturnType<MetadataStore['reserveChunk']> {
    return uploads.reserveChunk(this.#opened, ...args)
  }

  async recordReceipts(...args: Arguments<'recordReceipts'>): ReturnType<MetadataStore['recordReceipts']> {
    uploads.recordReceipts(this.#opened, ...args)
  }

  async commitUpload(...args: Arguments<'commitUpload'>): ReturnType<MetadataStore['commitUpload']> {
    return uploads.commitUpload(this.#opened, ...args)
  }

  async abandonUpload(...args: Arguments<'abandonUpload'>): ReturnType<MetadataStore['abandonUpload']> {
    return uploads.abandonUpload(this.#opened, ...args)
  }

  async listStaleUploads(
    ...args: Arguments<'listStaleUploads'>
  ): ReturnType<MetadataStore['listStaleUploads']> {
    return uploads.listStaleUploads(this.#opened, ...args)
  }

  async getFile(id: FileId): Promise<FileRecord | undefined> {
    return structuredClone(this.#opened.files.get(id)?.record)
  }

  async listFileChunks(
    id: FileId,
    from: number,
    limit: number
  ): Promise<Array<FileChunk & { index: number; copies: CopyRecord[] }>> {
    const state = this.#opened
    const file = state.files.get(id)
    if (file?.record.state !== 'live') return []
    const page: Array<FileChunk & { index: number; copies: CopyRecord[] }> = []
    for (let index = Math.max(0, from); page.length < limit; index++) {
      const piece = file.pieces.get(index)
      const chunk = piece === undefined ? undefined : state.chunks.get(piece.chunk)
      if (piece === undefined || chunk === undefined) break
      const { chunk: chunkId, sizeBytes } = piece
      page.push({ index, id: chunkId, sizeBytes, generation: chunk.generation, copies: copiesOf(chunk) })
    }
    return page
  }

  async findLink(...args: Arguments<'findLink'>): ReturnType<MetadataStore['findLink']> {
    return links.findLink(this.#opened, ...args)
  }

  async claimLink(...args: Arguments<'claimLink'>): ReturnType<MetadataStore['claimLink']> {
    return links.claimLink(this.#opened, ...args)
  }

  async findClaim(...args: Arguments<'findClaim'>): ReturnType<MetadataStore['findClaim']> {
    return links.findClaim(this.#opened, ...args)
  }

  async reportClaim(...args: Arguments<'reportClaim'>): ReturnType<MetadataStore['reportClaim']> {
    return links.reportClaim(this.#opened, ...args)
  }

  async releaseClaim(...args: Arguments<'releaseClaim'>): ReturnType<MetadataStore['releaseClaim']> {
    return links.releaseClaim(this.#opened, ...args)
  }

  async revokeLink(...args: Arguments<'revokeLink'>): ReturnType<MetadataStore['revokeLink']> {
    return links.revokeLink(this.#opened, ...args)
  }

  async settleLinks(...args: Arguments<'settleLinks'>): ReturnType<MetadataStore['settleLinks']> {
    return garbage.settleLinks(this.#opened, ...args)
  }

  async condemnChunks(...args: Arguments<'condemnChunks'>): ReturnType<MetadataStore['condemnChunks']> {
    return garbage.condemnChunks(this.#opened, ...args)
  }

  async listOrders(...args: Arguments<'listOrders'>): ReturnType<MetadataStore['listOrders']> {
    return garbage.listOrders(this.#opened, ...args)
  }

  async listOrderPeers(): Promise<PeerId[]> {
    return garbage.listOrderPeers(this.#opened)
  }

  async confirmOrders(...args: Arguments<'confirmOrders'>): ReturnType<MetadataStore['confirmOrders']> {
    garbage.confirmOrders(this.#opened, ...args)
  }

  async purgeTombstones(...args: Arguments<'purgeTombstones'>): ReturnType<MetadataStore['purgeTombstones']> {
    return garbage.purgeTombstones(this.#opened, ...args)
  }

  async dropCopy(...args: Arguments<'dropCopy'>): ReturnType<MetadataStore['dropCopy']> {
    garbage.dropCopy(this.#opened, ...args)
  }

  async listOwed(copies: number, after: ChunkId | undefined, limit: number): Promise<OwedChunk[]> {
    return [...this.#opened.chunks]
      .map(([id, chunk]) => ({ id, chunk, held: copiesOf(chunk) }))
      .filter(({ chunk, held }) => chunk.state === 'live' && chunk.refs > 0 && held.length < copies)
      .filter(({ id }) => after === undefined || byDigest(id, after) > 0)
      .toSorted((a, b) => byDigest(a.id, b.id))
      .slice(0, limit)
      .map(({ id, chunk: { generation, sizeBytes }, held }) => ({
        chunk: id,
        generation,
        sizeBytes,
        copies: held
      }))
  }

  async stats(copies: number): Promise<StoreStats> {
    const state = this.#opened
    const files = [...state.files.values()].filter(({ record }) => record.state === 'live')
    const chunks = [...state.chunks.values()].filter((chunk) => chunk.state === 'live')
    const held = chunks.filter((chunk) => chunk.refs > 0).map((chunk) => copiesOf(chunk).length)
    return {
      files: files.length,
      fileBytes: files.reduce((sum, { record }) => sum + record.sizeBytes, 0),
      linksLive: [...state.links.values()].filter(({ record }) => record.state === 'live').length,
      uploadsOpen: [...state.uploads.values()].filter((upload) => upload.state === 'open').length,
      chunks: chunks.length,
      chunkBytes: chunks.reduce((sum, chunk) => sum + chunk.sizeBytes, 0),
      chunksOwed: held.filter((count) => count > 0 && count < copies).length,
      chunksWithoutCopy: held.filter((count) => count === 0).length,
      ordersPending: [...state.orders.values()].reduce((sum, orders) => sum + orders.size, 0),
      linksSuspended: [...state.links.values()].filter(({ record }) => record.state === 'suspended').length
    }
  }
}
