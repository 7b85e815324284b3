/** The bytes of a file of the server, from blocks that are here already and from the server what is not. */

import { hash } from 'node:crypto'
import { hasCode, PeerbinError } from '../errors.ts'
import type { SyncFolder } from './folder.ts'
import type { BlockRef, RemoteFile, SyncRemote } from './remote.ts'
import { BLOCK_BYTES, BlockCutter } from './chunker.ts'
import type { LocalBlock, SyncState } from './state.ts'
import type { Content } from './trees.ts'

/** Blocks larger than those of this engine are not held in memory to be compared. */
const REUSED_BYTES_MAX = 4 * BLOCK_BYTES.max

interface Piece {
  start: number
  end: number
  /** A block that is here; undefined: the server is asked. */
  here: { place: LocalBlock; digest: string } | undefined
}

/** One download: iterate `bytes`, then `content` says what came. */
export class RemoteContent {
  /** Bytes that came from the server. */
  fetchedBytes = 0
  readonly #cutter = new BlockCutter()
  readonly #file: RemoteFile
  readonly #parts: { remote: SyncRemote; folder: SyncFolder; state: SyncState }

  constructor(file: RemoteFile, parts: { remote: SyncRemote; folder: SyncFolder; state: SyncState }) {
    this.#file = file
    this.#parts = parts
  }

  /** @throws checksum-mismatch after the last byte when they are not what the server said */
  async *bytes(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for (const piece of await this.#pieces(signal)) {
      const block = piece.here === undefined ? undefined : await this.#localBlock(piece.here, signal)
      if (block !== undefined) {
        this.#cutter.push(block)
        yield block
      } else yield* this.#fetch(piece, signal)
    }
    const content = this.content()
    if (content.sha256 !== this.#file.sha256)
      throw new PeerbinError('checksum-mismatch', 'what the server sent is not what it said')
  }

  #content: Content | undefined
  content(): Content {
    this.#content ??= this.#cutter.finish()
    return this.#content
  }

  async *#fetch(piece: Piece, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const wanted = piece.end - piece.start
    let came = 0
    for await (const bytes of this.#parts.remote.read(this.#file, piece, signal)) {
      came += bytes.byteLength
      if (came > wanted) break
      this.fetchedBytes += bytes.byteLength
      this.#cutter.push(bytes)
      yield bytes
    }
    if (came !== wanted)
      throw new PeerbinError('checksum-mismatch', 'the server sent another number of bytes')
  }

  async #pieces(signal: AbortSignal): Promise<Piece[]> {
    const all: Piece = { start: 0, end: this.#file.sizeBytes, here: undefined }
    if (this.#file.sizeBytes === 0) return []
    const refs = await this.#refs(signal)
    if (refs === undefined) return [all]
    const places = await this.#parts.state.find([...new Set(refs.map((ref) => ref.digest))])
    if (places.size === 0) return [all]
    const pieces: Piece[] = []
    let start = 0
    for (const { digest, sizeBytes } of refs) {
      const end = start + sizeBytes
      const place = places.get(digest)
      const last = pieces.at(-1)
      if (place !== undefined && place.sizeBytes === sizeBytes && sizeBytes <= REUSED_BYTES_MAX)
        pieces.push({ start, end, here: { place, digest } })
      else if (last !== undefined && last.here === undefined) last.end = end
      else pieces.push({ start, end, here: undefined })
      start = end
    }
    return pieces
  }

  /** What the server's blocks are; undefined: the file is one of ours, or they do not add up. */
  async #refs(signal: AbortSignal): Promise<BlockRef[] | undefined> {
    const { sizeBytes, sha256 } = this.#file
    if (sizeBytes <= BLOCK_BYTES.min) return [{ digest: sha256, sizeBytes }]
    const refs = await this.#parts.remote.blocksOf(this.#file, signal)
    const sum = refs.reduce((total, ref) => total + ref.sizeBytes, 0)
    return sum === sizeBytes ? refs : undefined
  }

  /** A block from a local file; undefined when it is not what it was. */
  async #localBlock(
    { place, digest }: { place: LocalBlock; digest: string },
    signal: AbortSignal
  ): Promise<Uint8Array | undefined> {
    try {
      const range = { start: place.start, end: place.start + place.sizeBytes }
      const block = await readWhole(
        this.#parts.folder.read(place.path, place.stamp, range, signal),
        place.sizeBytes
      )
      return block !== undefined && hash('sha256', block, 'hex') === digest ? block : undefined
    } catch (error) {
      if (hasCode(error, 'local-changed', 'local-file')) return undefined
      throw error
    }
  }
}

/** All bytes in one; undefined when there are more or fewer than so many. */
export async function readWhole(
  bytes: AsyncIterable<Uint8Array>,
  sizeBytes: number
): Promise<Uint8Array | undefined> {
  const whole = new Uint8Array(sizeBytes)
  let at = 0
  for await (const part of bytes) {
    if (at + part.byteLength > sizeBytes) return undefined
    whole.set(part, at)
    at += part.byteLength
  }
  return at === sizeBytes ? whole : undefined
}
