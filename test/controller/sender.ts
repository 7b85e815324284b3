/** An edge's part in an upload and a download, message by message. */

import { createHash } from 'node:crypto'
import { MANIFEST_INDEX } from '../../src/metadata-store.ts'
import type { NewLink } from '../../src/metadata-store.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import type { ControlMessages, RequestOf, ResponseOf } from '../../src/protocol/messages.ts'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { randomUuid } from '../../src/runtime/random.ts'
import type { ChunkId, FileId, FileRecord, Receipt, SecretHash, UploadId } from '../../src/types.ts'
import type { NodeParticipant, Participant, World } from './world.ts'

export interface Sent {
  file: FileRecord
  /** Those of the content, in order; then the manifest's. */
  chunks: ChunkId[]
  tokenHash: SecretHash
  deleteHash: SecretHash
}

export interface SendOptions {
  content?: string[]
  downloads?: number
  ttlMs?: number
}

let sent = 0

export class Sender {
  readonly #world: World
  readonly #edge: Participant
  readonly #nodes: () => NodeParticipant[]
  controller: Participant

  constructor(world: World, edge: Participant, controller: Participant, nodes: () => NodeParticipant[]) {
    this.#world = world
    this.#edge = edge
    this.#nodes = nodes
    this.controller = controller
  }

  async call<K extends keyof ControlMessages>(
    op: K,
    message: RequestOf<ControlMessages, K>
  ): Promise<ResponseOf<ControlMessages, K>> {
    return await this.#world.control(this.#edge, this.controller, op, message)
  }

  async open(): Promise<UploadId> {
    const id = randomUuid(this.#world.random) as UploadId
    await this.call('openUpload', { id, name: 'a file', mediaType: 'text/plain', metadata: {} })
    return id
  }

  /** Reserves one chunk and stores its bytes, if they are wanted; answers what nodes gave for it. */
  async place(
    upload: UploadId,
    index: number,
    text: string,
    copies = 3
  ): Promise<{ chunk: ChunkId; receipts: Receipt[]; present: boolean }> {
    const bytes = Buffer.from(text)
    const chunk = chunkIdOf(bytes)
    const reservation = { upload, index, chunk, sizeBytes: bytes.byteLength }
    const { generation, present } = await this.call('reserveChunk', reservation)
    if (present) return { chunk, receipts: [], present }
    const [first, ...others] = this.#nodes()
    if (first === undefined) throw new Error('there is no node')
    const put = {
      id: chunk,
      generation,
      copies,
      copiesMin: Math.min(2, copies),
      hostsMin: Math.min(2, copies),
      targets: others.map(({ peer, host }) => ({ peer, host }))
    }
    const body = { sizeBytes: bytes.byteLength, pieces: [bytes] }
    const options = { timeoutMs: 10_000, body }
    const { message } = await this.#world.run(this.#edge.chunkRpc.call(first.peer, 'put', put, options))
    return { chunk, receipts: message.receipts, present }
  }

  /** Everything up to the commit, but not the commit. */
  async prepare(options: SendOptions = {}): Promise<{
    commit: RequestOf<ControlMessages, 'commitUpload'> & { link: NewLink }
    chunks: ChunkId[]
  }> {
    const number = ++sent
    const content = options.content ?? [`first ${number}`, `second ${number}`]
    const upload = await this.open()
    const chunks: ChunkId[] = []
    const pieces = [...content.entries(), [MANIFEST_INDEX, `manifest ${number}`] as const]
    for (const [index, text] of pieces) {
      const { chunk, receipts } = await this.place(upload, index, text)
      chunks.push(chunk)
      if (receipts.length > 0) await this.call('recordReceipts', { receipts })
    }
    const now = this.#world.clock.now()
    const commit = {
      upload,
      file: randomUuid(this.#world.random) as FileId,
      sizeBytes: content.join('').length,
      sha256: createHash('sha256').update(content.join('')).digest('hex'),
      chunkCount: content.length,
      uploadedAt: now,
      link: {
        tokenHash: hashSecret(`token ${number}`),
        deleteHash: hashSecret(`delete ${number}`),
        downloads: options.downloads ?? 1,
        expiresAt: now + (options.ttlMs ?? 100_000)
      }
    }
    return { commit, chunks }
  }

  async send(options: SendOptions = {}): Promise<Sent> {
    const { commit, chunks } = await this.prepare(options)
    const { file } = await this.call('commitUpload', commit)
    return { file, chunks, tokenHash: commit.link.tokenHash, deleteHash: commit.link.deleteHash }
  }

  async claim(
    tokenHash: SecretHash,
    claimHash: SecretHash
  ): Promise<ResponseOf<ControlMessages, 'claimLink'>> {
    return await this.call('claimLink', { tokenHash, claimHash })
  }

  async report(tokenHash: SecretHash, claimHash: SecretHash, start: number, end: number): Promise<void> {
    await this.call('reportClaim', {
      tokenHash,
      claimHash,
      ranges: [{ start, end }],
      bytesSent: end - start,
      reportId: randomUuid(this.#world.random)
    })
  }
}
