/** A folder in memory: files by path, with the rules of a file system that tells case apart. */

import { foldersOf } from '../../src/bundle/paths.ts'
import { PeerbinError } from '../../src/errors.ts'
import type { LocalFile, LocalProblem, SyncFolder } from '../../src/sync/folder.ts'

interface Held {
  content: Uint8Array
  modifiedAt: number
  stamp: string
}

export class MemoryFolder implements SyncFolder {
  readonly held = new Map<string, Held>()
  readonly problems = new Map<string, LocalProblem>()
  #stamps = 0
  now = (): number => 0
  isThere = true
  /** Called before and after each step that changes something; what it throws ends the step. */
  onStep: (name: string, moment: 'before' | 'after') => void = () => {}
  /** Called when a scan has come past a path. */
  onScan: (path: string) => void = () => {}
  /** Called while a file is read, before its last bytes are given. */
  onRead: (path: string) => void = () => {}
  readonly reads = new Map<string, number>()

  /** As a program of the user does it. */
  put(path: string, text: string): void {
    const content = Buffer.from(text, 'latin1')
    this.held.set(path, { content, modifiedAt: this.now(), stamp: String(++this.#stamps) })
  }

  delete(path: string): void {
    this.held.delete(path)
  }

  /** Renames a file, over one that is there; a stamp is kept. */
  move(path: string, to: string): void {
    const file = this.held.get(path)
    if (file === undefined || path === to) return
    this.held.delete(path)
    this.held.set(to, file)
  }

  /** Whether a program could make a file here: no file where it needs a folder, and no folder where it is to be. */
  hasRoom(path: string): boolean {
    if ([...foldersOf(path)].some((folder) => this.held.has(folder))) return false
    return ![...this.held.keys()].some((other) => other.startsWith(`${path}/`))
  }

  files(): Map<string, string> {
    const files = [...this.held].map(([path, { content }]): [string, string] => [
      path,
      Buffer.from(content).toString('latin1')
    ])
    return new Map(files.sort(([one], [other]) => (one < other ? -1 : 1)))
  }

  #told(path: string, { content, modifiedAt, stamp }: Held): LocalFile {
    return { path, sizeBytes: content.byteLength, modifiedAt, stamp, settled: true }
  }

  #expect(path: string, stamp: string | undefined): Held | undefined {
    const file = this.held.get(path)
    if (file?.stamp !== stamp) throw new PeerbinError('local-changed')
    return file
  }

  #check(): void {
    if (!this.isThere) throw new PeerbinError('sync-folder')
  }

  async *scan(): AsyncIterable<{ files: LocalFile[]; problems: LocalProblem[] }> {
    this.#check()
    // as a walk does it: what comes to where it has been already is not seen, nor is what has left before it comes
    for (const path of [...this.held.keys()].toSorted()) {
      await Promise.resolve()
      const file = this.held.get(path)
      if (file !== undefined) yield { files: [this.#told(path, file)], problems: [] }
      this.onScan(path)
    }
    yield { files: [], problems: [...this.problems.values()] }
  }

  async look(path: string): Promise<LocalFile | LocalProblem | undefined> {
    await Promise.resolve()
    this.#check()
    const file = this.held.get(path)
    return this.problems.get(path) ?? (file === undefined ? undefined : this.#told(path, file))
  }

  async *read(path: string, stamp: string, range: { start: number; end: number }): AsyncIterable<Uint8Array> {
    this.reads.set(path, (this.reads.get(path) ?? 0) + 1)
    const file = this.#expect(path, stamp)
    const bytes = file?.content.slice(range.start, range.end) ?? new Uint8Array(0)
    const middle = Math.floor(bytes.byteLength / 2)
    if (middle > 0) yield bytes.subarray(0, middle)
    await Promise.resolve()
    this.onRead(path)
    yield bytes.subarray(middle)
    this.#expect(path, stamp)
  }

  async write(
    path: string,
    bytes: AsyncIterable<Uint8Array>,
    what: { expected: string | undefined; modifiedAt: number }
  ): Promise<LocalFile> {
    const parts: Uint8Array[] = []
    for await (const part of bytes) parts.push(Uint8Array.from(part))
    await this.#step('write', () => {
      this.#expect(path, what.expected)
      if (!this.hasRoom(path)) throw new PeerbinError('local-changed')
      const stamp = String(++this.#stamps)
      this.held.set(path, { content: Buffer.concat(parts), modifiedAt: what.modifiedAt, stamp })
    })
    return await this.#found(path)
  }

  async rename(from: string, stamp: string, to: string): Promise<LocalFile> {
    await this.#step('rename', () => {
      this.#expect(from, stamp)
      const file = this.held.get(from)
      this.held.delete(from)
      const isFree = !this.held.has(to) && this.hasRoom(to)
      if (file !== undefined) this.held.set(isFree ? to : from, file)
      if (!isFree) throw new PeerbinError('local-changed')
    })
    return await this.#found(to)
  }

  async remove(path: string, stamp: string): Promise<void> {
    await this.#step('remove', () => {
      this.#expect(path, stamp)
      this.held.delete(path)
    })
  }

  async #found(path: string): Promise<LocalFile> {
    const found = await this.look(path)
    if (found === undefined || 'code' in found) throw new PeerbinError('local-changed')
    return found
  }

  async #step(name: string, work: () => void): Promise<void> {
    this.#check()
    await Promise.resolve()
    this.onStep(name, 'before')
    work()
    this.onStep(name, 'after')
  }

  async *hints(): AsyncIterable<readonly string[]> {}
}
