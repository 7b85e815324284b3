/** The user's files at a server, in memory, for several clients; with the rules that the real one has. */

import { createHash, hash } from 'node:crypto'
import { foldersOf, foldPath } from '../../src/bundle/paths.ts'
import { PeerbinError } from '../../src/errors.ts'
import type { BlockRef, RemoteCommit, RemoteFile, RemoteVersion, SyncRemote } from '../../src/sync/remote.ts'
import type { ByteRange, EntryId } from '../../src/types.ts'

interface Version {
  content: Uint8Array
  blocks: BlockRef[]
  sha256: string
  mediaType: string
  metadata: Record<string, string>
}

interface Entry {
  id: EntryId
  path: string
  versions: Map<number, Version>
  current: number
  changedAt: number
}

export class MemoryServer {
  readonly entries = new Map<EntryId, Entry>()
  readonly #blocks = new Map<string, Uint8Array>()
  readonly #commits = new Map<string, RemoteFile>()
  /** Which file changed, in order. */
  readonly #events: EntryId[] = []
  #ids = 0
  #epoch = 1
  now = (): number => 0
  quotaBytes = Infinity
  /** Called before and after each request that changes something; what it throws is the answer. */
  onRequest: (name: string, moment: 'before' | 'after') => void = () => {}
  /** Requests so far, by name. */
  readonly requests = new Map<string, number>()
  blockBytes = 0
  readBytes = 0

  at(path: string): Entry | undefined {
    return [...this.entries.values()].find((entry) => entry.path === path)
  }

  /** Path → content. */
  files(): Map<string, string> {
    const files = [...this.entries.values()].map((entry): [string, string] => [
      entry.path,
      Buffer.from(this.#current(entry).content).toString('latin1')
    ])
    return new Map(files.sort(([one], [other]) => (one < other ? -1 : 1)))
  }

  /** Every content that any version of a file that is there has. */
  contents(): Set<string> {
    const all = [...this.entries.values()].flatMap((entry) => [...entry.versions.values()])
    return new Set(all.map((version) => Buffer.from(version.content).toString('latin1')))
  }

  /** Takes a backup; what it answers brings that back, in another epoch. */
  backup(): () => void {
    const entries = [...this.entries.values()].map((entry) => ({
      ...entry,
      versions: new Map(entry.versions)
    }))
    return () => {
      this.entries.clear()
      for (const entry of entries) this.entries.set(entry.id, entry)
      this.#commits.clear()
      this.#events.length = 0
      this.#epoch++
    }
  }

  #cursor(place: number): string {
    return `${this.#epoch}.${place}`
  }

  #current(entry: Entry): Version {
    const version = entry.versions.get(entry.current)
    if (version === undefined) throw new Error('an entry without its version')
    return version
  }

  #told(entry: Entry): RemoteFile {
    const { content, sha256, mediaType, metadata } = this.#current(entry)
    return {
      id: entry.id,
      path: entry.path,
      version: entry.current,
      sizeBytes: content.byteLength,
      sha256,
      changedAt: entry.changedAt,
      mediaType,
      metadata: { ...metadata }
    }
  }

  #find(file: { id: EntryId; version: number }): Entry {
    const entry = this.entries.get(file.id)
    if (entry === undefined) throw new PeerbinError('file-unknown')
    if (entry.current !== file.version) throw new PeerbinError('version-conflict')
    return entry
  }

  #mustBeAt(entry: Entry, path: string): void {
    if (foldPath(entry.path) !== foldPath(path)) throw new PeerbinError('version-conflict')
  }

  #room(path: string, self?: EntryId): void {
    const folded = foldPath(path)
    const above = new Set(foldersOf(folded))
    for (const entry of this.entries.values()) {
      if (entry.id === self) continue
      const other = foldPath(entry.path)
      if (other === folded) throw new PeerbinError('path-taken')
      if (above.has(other) || other.startsWith(`${folded}/`)) throw new PeerbinError('path-conflict')
    }
  }

  #noteEvent(entry: Entry): void {
    entry.changedAt = this.now()
    this.#events.push(entry.id)
  }

  /** As somebody without a synced folder would do it: a new file or version, whatever there was. */
  put(path: string, text: string, mediaType = 'text/plain'): void {
    const content = Buffer.from(text, 'latin1')
    const sha256 = hash('sha256', content, 'hex')
    this.#blocks.set(sha256, content)
    const blocks = [{ digest: sha256, sizeBytes: content.byteLength }]
    const there = this.at(path)
    this.#room(path, there?.id)
    const file = { path, blocks, sha256, sizeBytes: content.byteLength, mediaType, metadata: {} }
    this.#commit({ ...file, commitId: '' }, there)
  }

  delete(path: string): void {
    const entry = this.at(path)
    if (entry !== undefined) this.#remove(entry)
  }

  rename(path: string, to: string): void {
    const entry = this.at(path)
    if (entry === undefined) return
    this.#room(to, entry.id)
    entry.path = to
    this.#noteEvent(entry)
  }

  #remove(entry: Entry): void {
    this.entries.delete(entry.id)
    this.#noteEvent(entry)
  }

  #commit(file: Omit<RemoteCommit, 'base'>, entry: Entry | undefined): RemoteFile {
    const parts = file.blocks.map(({ digest }) => this.#blocks.get(digest))
    if (parts.includes(undefined)) throw new PeerbinError('blocks-missing')
    const content = Buffer.concat(parts.filter((part) => part !== undefined))
    const { blocks, sha256, mediaType, metadata } = file
    const used = [...this.entries.values()].reduce(
      (sum, one) => sum + this.#current(one).content.byteLength,
      0
    )
    if (used + content.byteLength > this.quotaBytes) throw new PeerbinError('quota-exceeded')
    if (hash('sha256', content, 'hex') !== sha256)
      throw new Error('a commit with a digest that is not its own')
    const version = { content, blocks: [...blocks], sha256, mediaType, metadata }
    if (entry === undefined) {
      const id = `00000000-0000-4000-8000-${String(++this.#ids).padStart(12, '0')}` as EntryId
      entry = { id, path: file.path, versions: new Map(), current: 0, changedAt: 0 }
      this.entries.set(id, entry)
    }
    entry.current = Math.max(0, ...entry.versions.keys()) + 1
    entry.versions.set(entry.current, version)
    this.#noteEvent(entry)
    return this.#told(entry)
  }

  async #request<T>(name: string, work: () => T): Promise<T> {
    this.requests.set(name, (this.requests.get(name) ?? 0) + 1)
    await Promise.resolve()
    this.onRequest(name, 'before')
    const answer = work()
    this.onRequest(name, 'after')
    return answer
  }

  /** What a client talks to. */
  connect(): SyncRemote {
    return {
      cursor: async () => await this.#request('cursor', () => this.#cursor(this.#events.length)),
      list: async function* (this: MemoryServer) {
        const files = await this.#request('list', () =>
          [...this.entries.values()].map((one) => this.#told(one))
        )
        for (let from = 0; from < files.length; from += 3) yield files.slice(from, from + 3)
      }.bind(this),
      changes: async (after) =>
        await this.#request('changes', () => {
          const [epoch, place] = after.split('.').map(Number)
          if (epoch !== this.#epoch || place === undefined) return 'lost'
          const ids = new Set(this.#events.slice(place, place + 4))
          const cursor = Math.min(this.#events.length, place + 4)
          const files = [...ids].map((id) => this.entries.get(id)).filter((one) => one !== undefined)
          const gone = [...ids].filter((id) => !this.entries.has(id))
          const more = cursor < this.#events.length
          return { files: files.map((one) => this.#told(one)), gone, cursor: this.#cursor(cursor), more }
        }),
      missing: async (blocks) =>
        await this.#request(
          'missing',
          () => new Set(blocks.map(({ digest }) => digest).filter((digest) => !this.#blocks.has(digest)))
        ),
      putBlock: async (bytes, digest) =>
        await this.#request('putBlock', () => {
          if (createHash('sha256').update(bytes).digest('hex') !== digest)
            throw new PeerbinError('checksum-mismatch')
          this.blockBytes += bytes.byteLength
          this.#blocks.set(digest, Uint8Array.from(bytes))
        }),
      commit: async (file) =>
        await this.#request('commit', () => {
          const before = this.#commits.get(file.commitId)
          if (before !== undefined) return before
          const entry = file.base === undefined ? undefined : this.#find(file.base)
          if (entry === undefined) this.#room(file.path)
          const answer = this.#commit(file, entry)
          this.#commits.set(file.commitId, answer)
          return answer
        }),
      blocksOf: async (file) =>
        await this.#request(
          'blocksOf',
          () => this.entries.get(file.id)?.versions.get(file.version)?.blocks ?? []
        ),
      read: async function* (this: MemoryServer, file: RemoteVersion, range: ByteRange) {
        yield await this.#request('read', () => {
          const version = this.entries.get(file.id)?.versions.get(file.version)
          if (version === undefined) throw new PeerbinError('version-unknown')
          this.readBytes += range.end - range.start
          return version.content.subarray(range.start, range.end)
        })
      }.bind(this),
      move: async (file, path) =>
        await this.#request('move', () => {
          const entry = this.#find(file)
          if (entry.path !== path) this.#mustBeAt(entry, file.path)
          this.#room(path, entry.id)
          entry.path = path
          this.#noteEvent(entry)
          return this.#told(entry)
        }),
      remove: async (file) =>
        await this.#request('remove', () => {
          const entry = this.#find(file)
          this.#mustBeAt(entry, file.path)
          this.#remove(entry)
        })
    }
  }
}
