/** A synced folder in this machine's file system. */

import { constants, readFileSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { PeerbinError } from '../../errors.ts'
import type { Clock, Random } from '../../interfaces.ts'
import { throwIfAborted } from '../../runtime/deadline.ts'
import { randomUuid } from '../../runtime/random.ts'
import { STATE_FOLDER } from '../../sync/folder.ts'
import type { ExpectedStamp, LocalFile, LocalListing, LocalProblem, SyncFolder } from '../../sync/folder.ts'
import type { ByteRange } from '../../types.ts'
import { localError, onFile } from './file-problems.ts'
import { localFileOf, stampOf } from './file-stamp.ts'
import { FolderPaths, statsAt, syncFolderOf } from './folder-paths.ts'
import { moveToFree, removeFile, replaceFile } from './put-in-place.ts'
import { problemOf, scanFolder } from './scan-folder.ts'
import { watchFolder } from './watch-folder.ts'

const READ_BYTES = 256 * 1024
/** A pipe that took a file's place must not hold us up, nor a link lead elsewhere. (Windows has neither flag.) */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
const MODE_BITS = 0o777n

/**
 * Says that the folder is the one that was synced: on a disk that is not mounted it is not there, and on another one that was mounted in its place it has another id. Then what is
 * remembered is of another folder, and everything in that would look deleted.
 */
const MARKER = 'marker'
const MARKER_BYTES_MAX = 4096
const markerText = (random: Random): string =>
  `This folder is kept in step by \`peerbin sync\`. Without this file nothing is.\n${randomUuid(random)}\n`

/** `new`: it becomes a synced folder; `synced`: it has to be one; `look`: whatever it is, it is only looked at, and nothing is written. */
export type FolderMode = 'new' | 'synced' | 'look'

export class SystemFolder implements SyncFolder {
  readonly #paths: FolderPaths
  readonly #own: string
  readonly #isLookOnly: boolean
  readonly #clock: Clock
  readonly #random: Random
  /** As it was when the folder was opened. */
  #marker: string | undefined

  private constructor(root: string, isLookOnly: boolean, clock: Clock, random: Random) {
    this.#paths = new FolderPaths(root)
    this.#own = join(root, STATE_FOLDER)
    this.#isLookOnly = isLookOnly
    this.#clock = clock
    this.#random = random
  }

  /**
   * @param root an absolute path of a folder that exists
   * @throws sync-folder, local-file
   */
  static async open(
    root: string,
    mode: FolderMode,
    { clock, random }: { clock: Clock; random: Random }
  ): Promise<SystemFolder> {
    const folder = new SystemFolder(root, mode === 'look', clock, random)
    if (mode === 'look') return folder
    await onFile(root, async () => {
      if (mode === 'new') {
        await mkdir(folder.#own, { recursive: true, mode: 0o700 })
        await using file = await open(join(folder.#own, MARKER), 'w', 0o600)
        await file.writeFile(markerText(random))
        await file.sync()
      }
      folder.#marker = folder.#readMarker()
      folder.#check()
      await folder.#tidy()
    })
    return folder
  }

  /** What a crash left: begun files go; what was taken out of the way and not looked at since is kept, and somebody may look. */
  async #tidy(): Promise<void> {
    const temporary = join(this.#own, 'tmp')
    await mkdir(temporary, { recursive: true, mode: 0o700 })
    for (const name of await readdir(temporary)) {
      if (name.endsWith('.new')) await unlink(join(temporary, name))
      else {
        await mkdir(join(this.#own, 'kept'), { recursive: true, mode: 0o700 })
        await rename(join(temporary, name), join(this.#own, 'kept', name))
      }
    }
  }

  /** @throws sync-folder */
  #check(): void {
    const isThere = this.#isLookOnly
      ? statsAt(this.#paths.root)?.isDirectory() === true
      : this.#marker !== undefined && this.#readMarker() === this.#marker
    if (!isThere)
      throw new PeerbinError(
        'sync-folder',
        `${this.#paths.root} is not there, or is not the folder that was synced. Is its disk mounted?`
      )
  }

  /** Undefined: there is none that could be relied on. */
  #readMarker(): string | undefined {
    const place = join(this.#own, MARKER)
    try {
      const stats = statsAt(place)
      if (stats?.isFile() !== true || stats.size > MARKER_BYTES_MAX) return undefined
      return readFileSync(place, 'utf8')
    } catch {
      return undefined
    }
  }

  #temporary(kind: 'new' | 'old'): string {
    return join(this.#own, 'tmp', `${Buffer.from(this.#random.bytes(12)).toString('hex')}.${kind}`)
  }

  async *scan(signal: AbortSignal): AsyncGenerator<LocalListing> {
    this.#check()
    yield* scanFolder(this.#paths, () => this.#clock.now(), signal)
    // unmounted in the middle of it: what was not seen is not gone
    this.#check()
  }

  async look(path: string): Promise<LocalFile | LocalProblem | undefined> {
    this.#check()
    try {
      const stats = statsAt(this.#paths.place(path))
      if (stats === undefined || stats.isDirectory()) return undefined
      const code = problemOf(stats)
      return code === undefined ? localFileOf(path, stats, this.#clock.now()) : { path, code }
    } catch (error) {
      const { code } = localError(error, path)
      // something above it is no folder: nothing is there, and what is above is seen by itself
      return code === 'local-changed' ? undefined : { path, code: 'unreadable' }
    }
  }

  async *read(
    path: string,
    stamp: string,
    range: ByteRange,
    signal: AbortSignal
  ): AsyncGenerator<Uint8Array> {
    await using file = await onFile(path, async () => await open(this.#paths.place(path), READ_FLAGS))
    await this.#expect(file, path, stamp)
    for (let at = range.start; at < range.end;) {
      throwIfAborted(signal)
      const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, range.end - at))
      const { bytesRead } = await onFile(path, async () => await file.read(buffer, 0, buffer.byteLength, at))
      if (bytesRead === 0) break
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
    await this.#expect(file, path, stamp)
  }

  async #expect(file: FileHandle, path: string, stamp: string): Promise<void> {
    const stats = await onFile(path, async () => await file.stat({ bigint: true }))
    if (!stats.isFile() || stampOf(stats) !== stamp)
      throw new PeerbinError('local-changed', '', { details: { path } })
  }

  async write(
    path: string,
    bytes: AsyncIterable<Uint8Array>,
    { expected, modifiedAt }: { expected: ExpectedStamp; modifiedAt: number },
    signal: AbortSignal
  ): Promise<LocalFile> {
    this.#check()
    const begun = this.#temporary('new')
    try {
      await this.#fill(begun, path, bytes, modifiedAt, signal)
      return await onFile(path, async () => {
        throwIfAborted(signal)
        this.#check()
        const place = await this.#paths.makePlace(path)
        if (expected === undefined) moveToFree(begun, place)
        else replaceFile(begun, place, expected, this.#temporary('old'))
        await syncFolderOf(place)
        return this.#seen(path)
      })
    } catch (error) {
      await rm(begun, { force: true }).catch(() => undefined) // the next start tries again
      throw error
    }
  }

  async #fill(
    begun: string,
    path: string,
    bytes: AsyncIterable<Uint8Array>,
    modifiedAt: number,
    signal: AbortSignal
  ): Promise<void> {
    await using file = await onFile(path, async () => await open(begun, 'wx'))
    for await (const part of bytes) {
      throwIfAborted(signal)
      await onFile(path, async () => {
        for (let at = 0; at < part.byteLength;) at += (await file.write(part, at)).bytesWritten
      })
    }
    await onFile(path, async () => {
      const before = statsAt(this.#paths.place(path))
      if (before?.isFile() === true) await file.chmod(Number(before.mode & MODE_BITS))
      await file.utimes(modifiedAt / 1000, modifiedAt / 1000)
      await file.sync()
    })
  }

  #seen(path: string): LocalFile {
    const stats = statsAt(this.#paths.place(path))
    if (stats?.isFile() !== true) throw new PeerbinError('local-changed', '', { details: { path } })
    return localFileOf(path, stats, this.#clock.now())
  }

  async rename(from: string, stamp: string, to: string): Promise<LocalFile> {
    this.#check()
    return await onFile(from, async () => {
      const source = this.#paths.place(from)
      const target = await this.#paths.makePlace(to)
      if (this.#seen(from).stamp !== stamp) throw new PeerbinError('local-changed')
      moveToFree(source, target)
      await syncFolderOf(target)
      await syncFolderOf(source)
      await this.#paths.tidyAbove(from)
      return this.#seen(to)
    })
  }

  async remove(path: string, stamp: string): Promise<void> {
    this.#check()
    await onFile(path, async () => {
      const place = this.#paths.place(path)
      removeFile(place, stamp, this.#temporary('old'))
      await syncFolderOf(place)
      await this.#paths.tidyAbove(path)
    })
  }

  async *hints(signal: AbortSignal): AsyncGenerator<readonly string[]> {
    yield* watchFolder(this.#paths.root, signal)
  }

  /** Whether a folder has been synced already. */
  static async isSynced(root: string): Promise<boolean> {
    return await readFile(join(root, STATE_FOLDER, MARKER)).then(
      () => true,
      () => false // for whatever reason: then it is not to be relied on
    )
  }
}
