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
  looksLikeManifest,
  MemoryHub,
  PeerbinError,
  systemClock,
  systemRandom
} from '../src/index.ts'
import type { ChunkId, ChunkInfo, ChunkStore, Generation, ListOptions, StoreUsage } from '../src/index.ts'

/** Order of a listing: base32 text does not sort as the bytes it stands for. */
const byDigest = (a: ChunkId, b: ChunkId): number => Buffer.compare(digestOf(a), digestOf(b))

const infoOf = (id: ChunkId, bytes: Uint8Array, generation: Generation, storedAt: number): ChunkInfo => ({
  id,
  sizeBytes: bytes.byteLength,
  generation,
  storedAt,
  verifiedAt: storedAt,
  manifest: looksLikeManifest(bytes)
})

/** What the store knows of a file of its folder. */
interface Kept extends ChunkInfo {
  /** When a read found it rotten, ms since the epoch; undefined: it is held. */
  rottenAt: number | undefined
}

/**
 * `<folder>/<chunk id>.<generation>`: the id says what the bytes must be, the generation which life of the chunk it is. A file that turned out to be
 * rotten gets the ending `.rotten.<when>` and is not held any more.
 */
class FolderChunkStore implements ChunkStore {
  readonly durable = true
  readonly #folder: string
  readonly #chunks = new Map<ChunkId, Kept>()
  /** One change after another: two puts of one chunk must not see each other half done. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(folder: string) {
    this.#folder = folder
  }

  async open(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const [id, generation, , rottenAt] = name.split('.')
      if (id === undefined || generation === undefined || name.endsWith('.new')) continue
      const path = join(this.#folder, name)
      const { mtimeMs } = await stat(path)
      this.#remember({
        ...infoOf(id as ChunkId, await readFile(path), Number(generation) as Generation, Math.floor(mtimeMs)),
        rottenAt: rottenAt === undefined ? undefined : Number(rottenAt)
      })
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
      const kept = { ...infoOf(id, bytes, greatest, systemClock.now()), rottenAt: undefined }
      const path = this.#pathOf(kept)
      {
        await using file = await open(`${path}.new`, 'w')
        await file.writeFile(bytes)
        await file.sync()
      }
      await rename(`${path}.new`, path)
      await this.#syncFolder() // only now does the name survive power loss
      if (before !== undefined && this.#pathOf(before) !== path) await rm(this.#pathOf(before))
      return this.#remember(kept)
    })
  }

  async get(id: ChunkId, options: { offset?: number; length?: number } = {}): Promise<Uint8Array> {
    const kept = this.#chunks.get(id)
    if (kept === undefined) throw new PeerbinError('chunk-not-found')
    if (kept.rottenAt !== undefined) throw new PeerbinError('chunk-corrupt')
    // a second read, for the first may have failed on its way from the disk
    const bytes = (await this.#verified(kept)) ?? (await this.#verified(kept))
    if (bytes === undefined) {
      await this.#inTurn(() => this.#quarantine(kept))
      throw new PeerbinError('chunk-corrupt')
    }
    kept.verifiedAt = systemClock.now() // which a scrub goes by; known again after a restart only when it was read again
    const offset = options.offset ?? 0
    return new Uint8Array(
      bytes.subarray(offset, options.length === undefined ? undefined : offset + options.length)
    )
  }

  async stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    const kept = this.#chunks.get(id)
    return kept?.rottenAt === undefined ? kept : undefined
  }

  raise(id: ChunkId, generation: Generation): Promise<ChunkInfo | undefined> {
    return this.#inTurn(async () => {
      const kept = this.#chunks.get(id)
      if (kept === undefined || kept.rottenAt !== undefined) return undefined
      if (generation <= kept.generation) return kept
      return await this.#rename(kept, { ...kept, generation })
    })
  }

  delete(id: ChunkId, generation: Generation): Promise<boolean> {
    return this.#inTurn(async () => {
      const kept = this.#chunks.get(id)
      if (kept === undefined) return true
      if (kept.generation > generation) return false // it was uploaded again: the order is for an earlier life
      await this.#forget(kept)
      return true
    })
  }

  async list({ after, limit, manifests = false }: ListOptions): Promise<ChunkInfo[]> {
    return [...this.#chunks.values()]
      .filter(({ rottenAt, manifest }) => rottenAt === undefined && (manifest || !manifests))
      .filter(({ id }) => after === undefined || byDigest(id, after) > 0)
      .toSorted((a, b) => byDigest(a.id, b.id))
      .slice(0, limit)
  }

  dropQuarantined(before: number, limit: number): Promise<number> {
    return this.#inTurn(async () => {
      const ripe = [...this.#chunks.values()]
        .filter(({ rottenAt }) => rottenAt !== undefined && rottenAt < before)
        .slice(0, limit)
      for (const kept of ripe) await this.#forget(kept)
      return ripe.length
    })
  }

  async usage(): Promise<StoreUsage> {
    const kept = [...this.#chunks.values()]
    const held = kept.filter(({ rottenAt }) => rottenAt === undefined)
    const bytesOf = (infos: Kept[]): number => infos.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const capacityBytes = 1_000_000_000
    return {
      chunks: held.length,
      usedBytes: bytesOf(held),
      quarantined: kept.length - held.length,
      capacityBytes,
      freeBytes: capacityBytes - bytesOf(kept)
    }
  }

  async #verified(kept: Kept): Promise<Uint8Array | undefined> {
    const bytes = await readFile(this.#pathOf(kept))
    return chunkIdOf(bytes) === kept.id ? bytes : undefined
  }

  /** Unless it was replaced or removed since it was read. */
  async #quarantine(read: Kept): Promise<void> {
    if (this.#chunks.get(read.id) === read) await this.#rename(read, { ...read, rottenAt: systemClock.now() })
  }

  async #rename(from: Kept, to: Kept): Promise<Kept> {
    await rename(this.#pathOf(from), this.#pathOf(to))
    await this.#syncFolder()
    return this.#remember(to)
  }

  async #forget(kept: Kept): Promise<void> {
    await rm(this.#pathOf(kept))
    await this.#syncFolder()
    this.#chunks.delete(kept.id)
  }

  #pathOf({ id, generation, rottenAt }: Kept): string {
    return join(this.#folder, `${id}.${generation}${rottenAt === undefined ? '' : `.rotten.${rottenAt}`}`)
  }

  #remember(kept: Kept): Kept {
    this.#chunks.set(kept.id, kept)
    return kept
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
