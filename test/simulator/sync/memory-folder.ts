/** A synced folder on a simulated disk, as a process sees it that can die at each call. */

import { PeerbinError } from '../../../src/errors.ts'
import { throwIfAborted } from '../../../src/runtime/deadline.ts'
import type { LocalFile, LocalListing, SyncFolder } from '../../../src/sync/folder.ts'
import type { ByteRange } from '../../../src/types.ts'
import type { SimProcess } from '../sim-process.ts'
import type { DiskFile, LaptopDisk } from './laptop-disk.ts'

const PAGE = 10

export class MemoryFolder implements SyncFolder {
  readonly #disk: LaptopDisk
  readonly #process: SimProcess

  constructor(disk: LaptopDisk, process: SimProcess) {
    this.#disk = disk
    this.#process = process
  }

  async *scan(signal: AbortSignal): AsyncIterable<LocalListing> {
    const paths = await this.#process.io('folder.scan', () => {
      this.#mustBeThere()
      return [...this.#disk.files.keys()].toSorted()
    })
    for (let at = 0; at < paths.length; at += PAGE) {
      throwIfAborted(signal)
      // each as it is when it is come to
      const files = await this.#process.io('folder.stat', () => {
        this.#mustBeThere()
        return paths.slice(at, at + PAGE).flatMap((path) => this.#local(path) ?? [])
      })
      yield { files, problems: [] }
    }
  }

  async look(path: string): Promise<LocalFile | undefined> {
    return await this.#process.io('folder.look', () => {
      this.#mustBeThere()
      return this.#local(path)
    })
  }

  async *read(path: string, stamp: string, range: ByteRange, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const whole = await this.#process.io('folder.read', () => this.#withStamp(path, stamp).bytes)
    const middle = Math.floor((range.start + range.end) / 2)
    for (const [start, end] of [
      [range.start, middle],
      [middle, range.end]
    ] as const) {
      throwIfAborted(signal)
      // what comes is what is there then, torn between old and new when somebody writes
      const bytes = await this.#process.io('folder.read', () => this.#disk.files.get(path)?.bytes ?? whole)
      if (end > start) yield bytes.slice(start, end)
    }
    await this.#process.io('folder.read', () => this.#withStamp(path, stamp))
  }

  async write(
    path: string,
    bytes: AsyncIterable<Uint8Array>,
    { expected, modifiedAt }: { expected: string | undefined; modifiedAt: number },
    signal: AbortSignal
  ): Promise<LocalFile> {
    const pieces: Uint8Array[] = []
    for await (const piece of bytes) {
      throwIfAborted(signal)
      await this.#process.io('folder.write', () => {
        if (this.#disk.isFull) throw new PeerbinError('local-full')
      })
      pieces.push(piece.slice())
    }
    return await this.#process.io('folder.replace', () => {
      this.#mustBeThere()
      if (this.#disk.files.get(path)?.stamp !== expected) throw new PeerbinError('local-changed')
      this.#disk.put(path, Buffer.concat(pieces), this.#process.clock.now(), modifiedAt)
      return this.#mustLocal(path)
    })
  }

  async rename(from: string, stamp: string, to: string): Promise<LocalFile> {
    return await this.#process.io('folder.rename', () => {
      this.#withStamp(from, stamp)
      if (this.#disk.files.has(to)) throw new PeerbinError('local-changed')
      this.#disk.rename(from, to)
      return this.#mustLocal(to)
    })
  }

  async remove(path: string, stamp: string): Promise<void> {
    await this.#process.io('folder.remove', () => {
      this.#withStamp(path, stamp)
      this.#disk.remove(path)
    })
  }

  async *hints(signal: AbortSignal): AsyncIterable<readonly string[]> {
    const { chance } = this.#process
    let waiting: string[] = []
    let wake: () => void = () => {}
    let isAll = false
    const unwatch = this.#disk.watch((path) => {
      if (path === undefined) isAll = true
      else if (chance.happens(this.#disk.toldShare)) waiting.push(path)
      this.#process.run(wake)
    })
    const onAbort = (): void => wake()
    signal.addEventListener('abort', onAbort)
    try {
      while (!signal.aborted) {
        if (isAll) {
          isAll = false
          yield []
          continue
        }
        if (waiting.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          continue
        }
        const told = waiting
        waiting = []
        yield told
      }
    } finally {
      unwatch()
      signal.removeEventListener('abort', onAbort)
    }
  }

  #mustBeThere(): void {
    if (this.#disk.isAway) throw new PeerbinError('sync-folder')
  }

  #withStamp(path: string, stamp: string): DiskFile {
    this.#mustBeThere()
    const file = this.#disk.files.get(path)
    if (file?.stamp !== stamp) throw new PeerbinError('local-changed')
    return file
  }

  #mustLocal(path: string): LocalFile {
    const file = this.#local(path)
    if (file === undefined) throw new PeerbinError('local-file')
    return file
  }

  #local(path: string): LocalFile | undefined {
    const file = this.#disk.files.get(path)
    if (file === undefined) return undefined
    const { bytes, modifiedAt, stamp } = file
    const settled = this.#disk.isSettled(file, this.#process.clock.now())
    return { path, sizeBytes: bytes.byteLength, modifiedAt, stamp, settled }
  }
}
