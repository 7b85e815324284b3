/** What goes to the server for the chosen files: their bytes, plain or sealed, and behind them the index. */

import { createHash } from 'node:crypto'
import { encodeIndex } from '../../bundle/index.ts'
import type { BundleIndex } from '../../bundle/index.ts'
import type { LinkKeys } from '../../encryption/link-keys.ts'
import { RECORD_BYTES, sealedSize } from '../../encryption/scheme.ts'
import { sealPart, sealText, sealedTextSize } from '../../encryption/streams.ts'
import { PeerbinError } from '../../errors.ts'
import type { LocalFiles } from './local-files.ts'
import type { Selection } from './selection.ts'

/** Read, sealed and sent at once: whole records, so that none is sealed twice. */
const PIECE_BYTES = 16 * RECORD_BYTES

/** Content that can be read from any place on, and gives the same bytes again. */
export class Content {
  readonly sizeBytes: number
  /** The last bytes of the content; 0 where there is no index. */
  readonly indexBytes: number
  readonly #selection: Selection
  readonly #files: LocalFiles
  readonly #keys: LinkKeys | undefined
  readonly #payloadBytes: number
  #index: Promise<Uint8Array> | undefined
  readonly #hash = createHash('sha256')
  /** So far every byte has been given out once, and hashed. */
  #hashedTo = 0
  #digest: string | undefined

  /** @param keys of an encrypted link; undefined: it goes as it is */
  constructor(selection: Selection, files: LocalFiles, keys: LinkKeys | undefined) {
    this.#selection = selection
    this.#files = files
    this.#keys = keys
    this.#payloadBytes = keys === undefined ? files.sizeBytes : sealedSize(files.sizeBytes)
    this.indexBytes = this.#indexSize()
    this.sizeBytes = this.#payloadBytes + this.indexBytes
  }

  /** SHA-256 of all of it, hex. @throws `internal` before all has been read */
  get sha256(): string {
    if (this.#hashedTo < this.sizeBytes) throw new PeerbinError('internal', 'not all has been read')
    return (this.#digest ??= this.#hash.digest('hex'))
  }

  /** From a place that was reached before to the end, in pieces of at most 1 MiB. @throws `local-file` when a file changed */
  async *read(start: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = start; at < this.sizeBytes;) {
      const piece = at < this.#payloadBytes ? await this.#payload(at) : await this.#indexFrom(at)
      const end = at + piece.byteLength
      if (at <= this.#hashedTo && end > this.#hashedTo) {
        this.#hash.update(piece.subarray(this.#hashedTo - at))
        this.#hashedTo = end
      }
      yield piece
      at = end
    }
  }

  async #payload(at: number): Promise<Uint8Array> {
    const end = Math.min(this.#payloadBytes, at - (at % PIECE_BYTES) + PIECE_BYTES)
    return this.#keys === undefined
      ? await this.#files.read(at, end)
      : await sealPart(this.#keys.payload, this.#files, at, end)
  }

  async #indexFrom(at: number): Promise<Uint8Array> {
    this.#index ??= this.#makeIndex()
    return (await this.#index).subarray(at - this.#payloadBytes)
  }

  async #makeIndex(): Promise<Uint8Array> {
    const plain = encodeIndex(indexOf(this.#selection, this.#files.checksums))
    return this.#keys === undefined ? plain : await sealText(this.#keys.index, plain)
  }

  #indexSize(): number {
    if (this.#keys === undefined && this.#selection.isSingle) return 0
    const plainBytes = encodeIndex(indexOf(this.#selection)).byteLength
    return this.#keys === undefined ? plainBytes : sealedTextSize(plainBytes)
  }
}

/** Its length does not depend on the checksums, which are known only when the files have been read. */
function indexOf({ name, isSingle, files }: Selection, checksums?: readonly number[]): BundleIndex {
  return {
    name,
    entries: files.map(({ inBundle, sizeBytes, stat }, at) => ({
      path: isSingle ? name : inBundle,
      sizeBytes,
      crc32: checksums?.[at] ?? 0,
      modifiedAt: Number(stat.mtimeNs / 1_000_000n)
    }))
  }
}
