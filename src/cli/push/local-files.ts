/** The bytes of local files, one after the other: a bundle's payload, read in any order of ranges. */

import type { BigIntStats } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { entryRanges } from '../../bundle/index.ts'
import type { PlainSource } from '../../encryption/streams.ts'
import { PeerbinError } from '../../errors.ts'
import type { SelectedFile } from './selection.ts'

interface Placed {
  readonly file: SelectedFile
  readonly start: number
  readonly end: number
}

/**
 * Every byte comes from a file that is what it was when it was chosen; that is looked at after each read as well, since bytes of another state must not be sealed in the
 * place of those that were sent before. One file is open at a time.
 */
export class LocalFiles implements PlainSource, AsyncDisposable {
  readonly sizeBytes: number
  readonly #placed: readonly Placed[]
  readonly #checksums: number[]
  /** So far every byte has been read once, in order, and counted in a checksum. */
  #readTo = 0
  /** Reads wait for each other: one of a request that broke may still be under way when the next begins. */
  #last: Promise<unknown> = Promise.resolve()
  #open: { readonly placed: Placed; readonly handle: FileHandle } | undefined

  constructor(files: readonly SelectedFile[]) {
    const ranges = entryRanges({ entries: files.map((file) => ({ ...file, path: file.inBundle, crc32: 0 })) })
    this.#placed = files.map((file, at) => ({ file, ...(ranges[at] ?? { start: 0, end: 0 }) }))
    this.sizeBytes = this.#placed.at(-1)?.end ?? 0
    this.#checksums = files.map(() => 0)
  }

  /** CRC-32 of each file. @throws `internal` before all has been read */
  get checksums(): readonly number[] {
    if (this.#readTo < this.sizeBytes) throw new PeerbinError('internal', 'not all files have been read')
    return this.#checksums
  }

  /** Bytes [start, end). @throws `local-file` when a file changed */
  async read(start: number, end: number): Promise<Uint8Array> {
    const reading = this.#last.then(() => this.#read(start, end))
    this.#last = reading.catch(() => undefined) // told to who asked
    return await reading
  }

  async #read(start: number, end: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(end - start)
    for (let at = this.#find(start); at < this.#placed.length; at++) {
      const placed = this.#placed[at]
      if (placed === undefined || placed.start >= end) break
      const from = Math.max(start, placed.start)
      const to = Math.min(end, placed.end)
      if (from >= to) continue
      const part = bytes.subarray(from - start, to - start)
      await this.#fill(placed, part, from - placed.start)
      if (this.#readTo >= from && this.#readTo < to) {
        this.#checksums[at] = crc32(part.subarray(this.#readTo - from), this.#checksums[at] ?? 0)
        this.#readTo = to
      }
    }
    return bytes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last
    await this.#close()
  }

  async #close(): Promise<void> {
    const { handle } = this.#open ?? {}
    this.#open = undefined
    await handle?.close()
  }

  /** The first file that ends behind the position. */
  #find(position: number): number {
    let low = 0
    let high = this.#placed.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#placed[middle]?.end ?? Infinity) > position) high = middle
      else low = middle + 1
    }
    return low
  }

  async #fill(placed: Placed, part: Uint8Array, position: number): Promise<void> {
    try {
      const handle = await this.#handleOf(placed)
      for (let filled = 0; filled < part.byteLength;) {
        const left = part.byteLength - filled
        const { bytesRead } = await handle.read(part, filled, left, position + filled)
        if (bytesRead === 0) throw changed(placed)
        filled += bytesRead
      }
      checkSame(placed, await handle.stat({ bigint: true }))
    } catch (error) {
      if (error instanceof PeerbinError) throw error
      const gone = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      throw gone
        ? changed(placed)
        : new PeerbinError('local-file', `cannot read ${placed.file.path}`, { cause: error })
    }
  }

  async #handleOf(placed: Placed): Promise<FileHandle> {
    if (this.#open?.placed === placed) return this.#open.handle
    await this.#close()
    const handle = await open(placed.file.path, 'r')
    this.#open = { placed, handle }
    checkSame(placed, await handle.stat({ bigint: true }))
    return handle
  }
}

const changed = ({ file }: Placed): PeerbinError =>
  new PeerbinError('local-file', `${file.path} changed while it was sent; nothing was kept`)

function checkSame(placed: Placed, now: BigIntStats): void {
  const { stat } = placed.file
  const same =
    now.size === stat.size && now.mtimeNs === stat.mtimeNs && now.ino === stat.ino && now.dev === stat.dev
  if (!same) throw changed(placed)
}
