/**
 * Chunks kept your own way: a ChunkStore with one file per chunk in a plain folder, guarded and served by a peerbin node like any other. What
 * an implementation MUST hold stands in src/interfaces.ts; test/conformance/chunk-store.ts checks it.
 *
 * Run it: `node examples/custom-chunk-store.ts` (Node 24). In a program of your own, import from 'peerbin'.
 */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  chunkIdOf,
  createController,
  createNode,
  digestOf,
  createClient,
  MemoryHub,
  PeerbinError,
  systemClock,
  systemRandom
} from '../src/index.ts'
import type { ChunkId, ChunkInfo, ChunkStore, Generation, ListOptions, StoreUsage } from '../src/index.ts'

/** Order of a listing: base32 text does not sort as the bytes it stands for. */
const byDigest = (a: ChunkId, b: ChunkId): number => Buffer.compare(digestOf(a), digestOf(b))

/** `<folder>/<chunk id>.<generation>`: the id says what the bytes must be, the generation which life of the chunk it is. */
class FolderChunkStore implements ChunkStore {
  readonly durable = true
  readonly #folder: string
  readonly #chunks = new Map<ChunkId, ChunkInfo>()
  /** One change after another: two puts of one chunk must not see each other half done. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(folder: string) {
    this.#folder = folder
  }

  async open(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const [id, generation] = name.split('.')
      if (id === undefined || generation === undefined || name.endsWith('.new')) continue
      const { size, mtimeMs } = await stat(join(this.#folder, name))
      this.#remember(id as ChunkId, size, Number(generation) as Generation, Math.floor(mtimeMs))
    }
  }

  async close(): Promise<void> {
    await this.#turn
  }

  put(id: ChunkId, bytes: Uint8Array, generation: Generation): Promise<ChunkInfo> {
    return this.#inTurn(async () => {
      if (chunkIdOf(bytes) !== id) throw new PeerbinError('chunk-corrupt')
      const before = this.#chunks.get(id)
      const greatest = Math.max(generation, before?.generation ?? 0) as Generation
      const path = this.#pathOf(id, greatest)
      {
        await using file = await open(`${path}.new`, 'w')
        await file.writeFile(bytes)
        await file.sync()
      }
      await rename(`${path}.new`, path)
      await this.#syncFolder() // only now does the name survive power loss
      if (before !== undefined && before.generation !== greatest)
        await rm(this.#pathOf(id, before.generation))
      return this.#remember(id, bytes.byteLength, greatest, systemClock.now())
    })
  }

  async get(id: ChunkId, options: { offset?: number; length?: number } = {}): Promise<Uint8Array> {
    const info = this.#chunks.get(id)
    if (info === undefined) throw new PeerbinError('chunk-not-found')
    const bytes = await readFile(this.#pathOf(id, info.generation))
    if (chunkIdOf(bytes) !== id) throw new PeerbinError('chunk-corrupt')
    const offset = options.offset ?? 0
    return new Uint8Array(
      bytes.subarray(offset, options.length === undefined ? undefined : offset + options.length)
    )
  }

  async stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    return this.#chunks.get(id)
  }

  delete(id: ChunkId, generation: Generation): Promise<boolean> {
    return this.#inTurn(async () => {
      const info = this.#chunks.get(id)
      if (info === undefined) return true
      if (info.generation > generation) return false // it was uploaded again: the order is for an earlier life
      await rm(this.#pathOf(id, info.generation))
      await this.#syncFolder()
      this.#chunks.delete(id)
      return true
    })
  }

  async list({ after, limit }: ListOptions): Promise<ChunkInfo[]> {
    return [...this.#chunks.values()]
      .filter(({ id }) => after === undefined || byDigest(id, after) > 0)
      .toSorted((a, b) => byDigest(a.id, b.id))
      .slice(0, limit)
  }

  async usage(): Promise<StoreUsage> {
    const usedBytes = [...this.#chunks.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const capacityBytes = 1_000_000_000
    return { chunks: this.#chunks.size, usedBytes, capacityBytes, freeBytes: capacityBytes - usedBytes }
  }

  #pathOf(id: ChunkId, generation: Generation): string {
    return join(this.#folder, `${id}.${generation}`)
  }

  #remember(id: ChunkId, sizeBytes: number, generation: Generation, storedAt: number): ChunkInfo {
    const info = { id, sizeBytes, generation, storedAt, verifiedAt: storedAt }
    this.#chunks.set(id, info)
    return info
  }

  async #syncFolder(): Promise<void> {
    await using folder = await open(this.#folder, 'r')
    await folder.sync()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(work)
    this.#turn = next.catch(() => undefined) // whoever asked for it has the error
    return next
  }
}

const folders = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), 'peerbin-store-'))))
const hub = new MemoryHub({ clock: systemClock, random: systemRandom })
const controller = await createController({ network: hub.network() })
const { joinString } = controller
const nodes = await Promise.all(
  folders.map((folder) =>
    createNode({ join: joinString, network: hub.network(), store: new FolderChunkStore(folder) })
  )
)
const client = await createClient({ join: joinString, network: hub.network() })
const members = [controller, ...nodes, client]
try {
  for (const member of members) await member.start()
  await client.ready(AbortSignal.timeout(20_000))

  const picture = randomBytes(300_000)
  const share = await client.upload(picture, { name: 'picture.raw' })
  const files = await Promise.all(folders.map((folder) => readdir(folder)))
  console.log(`each node has files of its own: ${files.map((names) => names.length).join(' and ')}`)
  assert.ok(files.every((names) => names.some((name) => name.startsWith(chunkIdOf(picture)))))

  const download = await client.download(share.token)
  assert.deepEqual(Buffer.from(await download.buffer()), picture)
  console.log('the picture came back from them, verified')
} finally {
  for (const member of members.toReversed()) await member.stop()
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })))
}
