/** A bundle that becomes a folder: `NAME.peerbin-part` is one already, with the files that are there, the last of them not whole yet. */

import { constants } from 'node:fs'
import { chmod, lstat, mkdir, open, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { entryRanges } from '../../bundle/index.ts'
import type { BundleEntry } from '../../bundle/index.ts'
import { hasCode, PeerbinError } from '../../errors.ts'
import { indexOf } from './index-text.ts'
import { localPaths } from './local-paths.ts'
import type { Part } from './part.ts'
import {
  FILE_MODE,
  FOLDER_MODE,
  isCode,
  local,
  PART,
  refuseExisting,
  refuseFolder,
  release,
  requireWhole,
  STATE,
  syncFolder,
  writeState
} from './part-state.ts'
import type { PartState } from './part-state.ts'
import { payloadCheck } from './payload-check.ts'
import type { PayloadCheck } from './payload-check.ts'

/** What is in it has the modes that it will have: nobody else gets in before all of it is there. */
const OWNER_ONLY_FOLDER = 0o700
const READ_BYTES = 1024 * 1024
/** Files that are synced at once in the end. */
const SYNCED_AT_ONCE = 8
/** Not through a symbolic link that somebody put in the place of a file. */
const { O_RDWR, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants

interface Placed {
  readonly entry: BundleEntry
  /** Of the file in the part. */
  readonly path: string
  readonly start: number
  readonly end: number
}

export class PartFolder implements Part {
  readonly target: string
  readonly state: PartState
  readonly #placed: readonly Placed[]
  readonly #check: PayloadCheck
  /** Of `#placed`: the file that comes next, or is being written. */
  #at = 0
  #open: FileHandle | undefined
  readonly #folders: Set<string>

  private constructor(target: string, state: PartState) {
    const index = indexOf(state)
    if (index === undefined) throw new PeerbinError('internal', 'a folder without a list of files')
    this.target = target
    this.state = state
    const ranges = entryRanges(index)
    const paths = localPaths(index)
    this.#placed = index.entries.map((entry, at) => ({
      entry,
      path: join(target + PART, ...(paths[at] ?? '').split('/')),
      ...(ranges[at] ?? { start: 0, end: 0 })
    }))
    this.#folders = new Set([target + PART])
    this.#check = payloadCheck(state.sizeBytes, null, index)
  }

  get position(): number {
    return this.#check.position
  }

  get goodTo(): number {
    return this.#check.goodTo
  }

  static async begin(target: string, state: PartState): Promise<PartFolder> {
    try {
      const found = await lstat(target + PART).catch(() => undefined) // nothing there, or reported below
      if (found !== undefined)
        throw new PeerbinError(
          'local-file',
          `an unfinished download of another link is in ${target}${PART}; use -o for another name`
        )
      const part = new PartFolder(target, state)
      await writeState(target, state)
      await mkdir(target + PART, { mode: OWNER_ONLY_FOLDER })
      return part
    } catch (error) {
      throw local(`cannot write ${target}${PART}`, error)
    }
  }

  static async resume(target: string, state: PartState): Promise<PartFolder> {
    const part = new PartFolder(target, state)
    try {
      await mkdir(target + PART, { mode: OWNER_ONLY_FOLDER }).catch((error: unknown) => {
        if (!isCode(error, 'EEXIST')) throw error
      })
      await part.#readBack()
      return part
    } catch (error) {
      await part.close()
      throw local(`cannot read ${target}${PART}`, error)
    }
  }

  async append(bytes: Uint8Array): Promise<void> {
    if (this.position + bytes.byteLength > this.state.sizeBytes)
      throw new PeerbinError('protocol-violation', 'the server sent more bytes than there are')
    for (let at = 0; at < bytes.byteLength;) {
      const placed = await this.#current()
      const part = bytes.subarray(at, at + placed.end - this.position)
      await this.#write(placed, part)
      this.#check.update(part)
      at += part.byteLength
      if (this.position === placed.end) await this.#endFile(placed)
    }
  }

  async rewind(): Promise<void> {
    await this.#closeFile()
    this.#check.rewind()
    this.#at = this.#find(this.position)
  }

  /** @param force is of no use: a folder is never replaced */
  async finish(_force: boolean): Promise<void> {
    requireWhole(this)
    try {
      for (const placed of this.#placed) if (placed.entry.sizeBytes === 0) await this.#makeEmpty(placed)
      await this.#syncAll()
      await refuseFolder(this.target)
      await refuseExisting(this.target)
      await release({ chmod: (mode) => chmod(this.target + PART, mode) }, FOLDER_MODE)
      await rename(this.target + PART, this.target)
      await rm(this.target + STATE, { force: true })
      await syncFolder(dirname(this.target))
    } catch (error) {
      throw local(`cannot save ${this.target}; its files are in ${this.target}${PART}`, error)
    }
  }

  async close(): Promise<void> {
    await this.#closeFile()
  }

  async discard(): Promise<void> {
    await this.close()
    await rm(this.target + PART, { recursive: true, force: true })
    await rm(this.target + STATE, { force: true })
  }

  /** The first file whose bytes are not all before the position. */
  #find(position: number): number {
    const at = this.#placed.findIndex(({ end, start }) => end > position && end > start)
    return at < 0 ? this.#placed.length : at
  }

  async #current(): Promise<Placed> {
    while (this.#placed[this.#at]?.entry.sizeBytes === 0) this.#at++
    const placed = this.#placed[this.#at]
    if (placed === undefined) throw new PeerbinError('internal', 'there is no file for these bytes')
    return placed
  }

  async #write(placed: Placed, part: Uint8Array): Promise<void> {
    try {
      const file = (this.#open ??= await this.#openFile(placed))
      const position = this.position - placed.start
      for (let written = 0; written < part.byteLength;) {
        const left = part.byteLength - written
        const result = await file.write(part, written, left, position + written)
        written += result.bytesWritten
      }
    } catch (error) {
      throw local(`cannot write ${placed.path}`, error)
    }
  }

  async #openFile(placed: Placed): Promise<FileHandle> {
    await this.#makeFolder(dirname(placed.path))
    const isNew = this.position === placed.start
    const file = await open(placed.path, O_RDWR | O_NOFOLLOW | (isNew ? O_CREAT | O_TRUNC : 0), FILE_MODE)
    if (!isNew) await file.truncate(this.position - placed.start)
    return file
  }

  async #makeFolder(path: string): Promise<void> {
    if (this.#folders.has(path)) return
    await this.#makeFolder(dirname(path))
    await mkdir(path, { mode: FOLDER_MODE }).catch((error: unknown) => {
      if (!isCode(error, 'EEXIST')) throw error
    })
    this.#folders.add(path)
  }

  async #endFile(placed: Placed): Promise<void> {
    if (this.#open !== undefined) await setTime(this.#open, placed.entry)
    await this.#closeFile()
    this.#at++
  }

  async #makeEmpty(placed: Placed): Promise<void> {
    await this.#makeFolder(dirname(placed.path))
    await using file = await open(placed.path, O_RDWR | O_NOFOLLOW | O_CREAT | O_TRUNC, FILE_MODE)
    await setTime(file, placed.entry)
  }

  async #closeFile(): Promise<void> {
    const file = this.#open
    this.#open = undefined
    await file?.close()
  }

  /** Takes the files that are there for as much as they are, up to the first that is not whole, or not right. */
  async #readBack(): Promise<void> {
    for (const placed of this.#placed) {
      if (placed.entry.sizeBytes === 0) continue
      try {
        await this.#readFile(placed)
      } catch (error) {
        if (!hasCode(error, 'checksum-mismatch')) throw error
        this.#check.rewind()
      }
      if (this.position < placed.end) break
      this.#folders.add(dirname(placed.path))
    }
    this.#at = this.#find(this.position)
  }

  async #readFile({ path, entry }: Placed): Promise<void> {
    const file = await open(path, O_RDWR | O_NOFOLLOW).catch((error: unknown) => {
      if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR') || isCode(error, 'ELOOP')) return undefined
      throw error
    })
    if (file === undefined) return
    await using _closed = file
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, entry.sizeBytes))
    for (let at = 0; at < entry.sizeBytes;) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(READ_BYTES, entry.sizeBytes - at), at)
      if (bytesRead === 0) return
      this.#check.update(buffer.subarray(0, bytesRead))
      at += bytesRead
    }
    if ((await file.stat()).size > entry.sizeBytes) await file.truncate(entry.sizeBytes)
    await setTime(file, entry)
  }

  /** So that the folder has its name only when its files would outlive a power cut. */
  async #syncAll(): Promise<void> {
    const left = this.#placed.map(({ path }) => path)
    const work = async (): Promise<void> => {
      for (let path = left.pop(); path !== undefined; path = left.pop()) {
        await using file = await open(path, O_RDWR | O_NOFOLLOW)
        await file.sync()
      }
    }
    await Promise.all(Array.from({ length: SYNCED_AT_ONCE }, work))
    for (const folder of this.#folders) await syncFolder(folder)
  }
}

/** As it was where the file comes from; what a clock cannot hold is left out. */
async function setTime(file: FileHandle, { modifiedAt }: BundleEntry): Promise<void> {
  if (modifiedAt === undefined || Math.abs(modifiedAt) > 8.64e15) return
  await file.utimes(new Date(modifiedAt), new Date(modifiedAt)).catch(() => undefined) // a file system without such times
}
