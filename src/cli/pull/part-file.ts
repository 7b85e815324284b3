/** A download that becomes one file, the payload itself or an archive of it: `NAME.peerbin-part` holds its bytes from the start. */

import { constants } from 'node:fs'
import { lstat, open, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { hasCode, PeerbinError } from '../../errors.ts'
import { readLayout } from './feed.ts'
import { placeBehind, plainLayout, zipLayout } from './layout.ts'
import type { Layout } from './layout.ts'
import { LayoutWriter } from './layout-writer.ts'
import { indexOf } from './index-text.ts'
import type { Part } from './part.ts'
import {
  FILE_MODE,
  isCode,
  local,
  OWNER_ONLY,
  PART,
  release,
  renameToNew,
  requireWhole,
  STATE,
  syncFolder,
  writeState
} from './part-state.ts'
import type { PartState } from './part-state.ts'
import { payloadCheck } from './payload-check.ts'
import type { PayloadCheck } from './payload-check.ts'

const READ_BYTES = 1024 * 1024
/** Not through a symbolic link that somebody left under the name of the part: it may lead to any file of the user's. */
const { O_RDWR, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants
const NEW = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW

export class PartFile implements Part {
  readonly target: string
  readonly state: PartState
  readonly #file: FileHandle
  readonly #layout: Layout
  readonly #check: PayloadCheck
  #writer: LayoutWriter

  private constructor(target: string, state: PartState, file: FileHandle) {
    const index = indexOf(state)
    this.target = target
    this.state = state
    this.#file = file
    this.#layout =
      state.shape === 'zip' && index !== undefined ? zipLayout(index) : plainLayout(state.sizeBytes)
    this.#check = payloadCheck(state.sizeBytes, state.sha256, index)
    this.#writer = this.#writerFrom(0)
  }

  get position(): number {
    return this.#check.position
  }

  get goodTo(): number {
    return this.#check.goodTo
  }

  static async begin(target: string, state: PartState): Promise<PartFile> {
    try {
      const found = await lstat(target + PART).catch(() => undefined) // nothing there, or reported below
      if (found?.isDirectory() === true)
        throw new PeerbinError(
          'local-file',
          `an unfinished download of another link is in ${target}${PART}; use -o for another name`
        )
      await writeState(target, state)
      return new PartFile(target, state, await open(target + PART, NEW, OWNER_ONLY))
    } catch (error) {
      throw local(`cannot write ${target}${PART}`, error)
    }
  }

  static async resume(target: string, state: PartState): Promise<PartFile> {
    try {
      const file = await open(target + PART, O_RDWR | O_NOFOLLOW).catch((error: unknown) => {
        if (isCode(error, 'ENOENT')) return open(target + PART, NEW, OWNER_ONLY)
        throw error
      })
      const part = new PartFile(target, state, file)
      await part.#readBack()
      return part
    } catch (error) {
      throw local(`cannot read ${target}${PART}`, error)
    }
  }

  async append(bytes: Uint8Array): Promise<void> {
    if (this.position + bytes.byteLength > this.state.sizeBytes)
      throw new PeerbinError('protocol-violation', 'the server sent more bytes than the file has')
    await this.#writer.append(bytes)
    this.#check.update(bytes)
  }

  async rewind(): Promise<void> {
    this.#check.rewind()
    await this.#goOn()
  }

  async finish(force: boolean): Promise<void> {
    requireWhole(this)
    try {
      await this.#writer.end()
      await release(this.#file, FILE_MODE)
      await this.#file.sync()
      await this.#file.close()
      if (force) await rename(this.target + PART, this.target)
      else await renameToNew(this.target + PART, this.target)
      await rm(this.target + STATE, { force: true })
      await syncFolder(dirname(this.target))
    } catch (error) {
      throw local(`cannot save ${this.target}; its bytes are in ${basename(this.target)}${PART}`, error)
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  async discard(): Promise<void> {
    await this.close()
    await rm(this.target + PART, { force: true })
    await rm(this.target + STATE, { force: true })
  }

  /** Takes what is there for as much as it is: up to where it is another file than it should be. */
  async #readBack(): Promise<void> {
    try {
      for await (const piece of readLayout(this.#layout, this.#pieces(), 0)) this.#check.update(piece)
    } catch (error) {
      if (!hasCode(error, 'checksum-mismatch', 'index-invalid', 'protocol-violation')) throw error
      this.#check.rewind()
    }
    await this.#goOn()
  }

  /** Behind what was looked at; a header that is there, or half of one, or something else in its place, is written again. */
  async #goOn(): Promise<void> {
    const place = placeBehind(this.#layout, this.position)
    await this.#file.truncate(place)
    this.#writer = this.#writerFrom(place)
  }

  async *#pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0; ;) {
      const buffer = Buffer.allocUnsafe(READ_BYTES)
      const { bytesRead } = await this.#file.read(buffer, 0, READ_BYTES, at)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
      at += bytesRead
    }
  }

  #writerFrom(place: number): LayoutWriter {
    return new LayoutWriter(this.#layout, place, (bytes, position) => this.#put(bytes, position))
  }

  async #put(bytes: Uint8Array, position: number): Promise<void> {
    try {
      for (let written = 0; written < bytes.byteLength;) {
        const left = bytes.byteLength - written
        const result = await this.#file.write(bytes, written, left, position + written)
        written += result.bytesWritten
      }
    } catch (error) {
      throw local(`cannot write ${this.target}${PART}`, error)
    }
  }
}
