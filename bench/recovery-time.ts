/** A cluster in this process with many small files, whose controller is lost and recovered. */

import { createHash, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recoverController } from '../src/compose/recover.ts'
import { metadataFile } from '../src/compose/controller-folder.ts'
import type { ConfigInput, Generation, PeerId, RunningNode } from '../src/index.ts'
import {
  chunkIdOf,
  createClient,
  createController,
  createNode,
  MemoryChunkStore,
  MemoryHub,
  newClusterKey,
  SqliteMetadataStore,
  silentLogger,
  systemClock,
  systemRandom
} from '../src/index.ts'
import { MANIFEST_INDEX } from '../src/metadata-store.ts'
import type { MetadataStore } from '../src/metadata-store.ts'
import { MemorySnapshotStore } from '../src/node/store/memory-snapshot-store.ts'
import { encodeManifest } from '../src/protocol/manifest.ts'
import type { Manifest } from '../src/protocol/manifest.ts'
import { hashSecret, newLinkToken } from '../src/protocol/secrets.ts'
import type { ChunkId, FileId, LinkToken, Receipt, UploadId } from '../src/types.ts'

const NODES = 3
const AT_ONCE = 64
const GATHER_MS = 1000
const DAY_MS = 86_400_000

export interface RecoveryTime {
  from: 'snapshot' | 'manifests'
  files: number
  metadataBytes: number
  /** On one node. */
  snapshotBytes: number
  shippedMs: number
  recoveryMs: number
  gatherMs: number
  /** From the order to recover to the end of a first download. */
  servingMs: number
}

interface BenchNode {
  running: RunningNode
  host: string
  chunks: MemoryChunkStore
  snapshots: MemorySnapshotStore
}

export async function recoveryTime(options: { files: number; snapshot: boolean }): Promise<RecoveryTime> {
  const folder = await mkdtemp(join(tmpdir(), 'peerbin-bench-'))
  const running: Array<{ stop(): Promise<void> }> = []
  try {
    return await new Bench(folder, running).run(options)
  } finally {
    for (const one of running.toReversed()) await one.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

class Bench {
  readonly #folder: string
  readonly #running: Array<{ stop(): Promise<void> }>
  readonly #hub = new MemoryHub({ clock: systemClock, random: systemRandom })
  readonly #cluster = newClusterKey(systemRandom)
  readonly #nodes: BenchNode[] = []
  /** Of the file that is downloaded at the end. */
  #token = '' as LinkToken

  constructor(folder: string, running: Array<{ stop(): Promise<void> }>) {
    this.#folder = folder
    this.#running = running
  }

  async run({ files, snapshot }: { files: number; snapshot: boolean }): Promise<RecoveryTime> {
    for (let i = 0; i < NODES; i++) await this.#addNode()
    const home = join(this.#folder, 'lost', 'controller')
    await this.#populate(home, files)
    const metadataBytes = (await stat(metadataFile(home))).size
    const lost = await createController({ ...this.#options('lost'), data: home })
    this.#running.push(lost)
    const shipStart = performance.now()
    await lost.start()
    while ((await lost.status()).snapshot?.behindMs === null) await pause(20)
    const shippedMs = performance.now() - shipStart
    const snapshots = this.#nodes[0]?.snapshots
    const snapshotBytes = ((await snapshots?.list()) ?? []).reduce((sum, piece) => sum + piece.sizeBytes, 0)
    this.#hub.crash(lost.peerId)
    await lost.stop()
    if (!snapshot) for (const node of this.#nodes) await node.snapshots.remove(await node.snapshots.list())
    const { recoveryMs, servingMs } = await this.#recover(snapshot)
    const from = snapshot ? 'snapshot' : 'manifests'
    return {
      from,
      files,
      metadataBytes,
      snapshotBytes,
      shippedMs,
      recoveryMs,
      gatherMs: GATHER_MS,
      servingMs
    }
  }

  async #recover(isServed: boolean): Promise<{ recoveryMs: number; servingMs: number }> {
    const home = join(this.#folder, 'new')
    const peers = this.#nodes.flatMap(({ running }) => running.addresses)
    const startedAt = performance.now()
    await recoverController({ ...this.#options('new'), home, join: this.#cluster, peers })
    const recoveryMs = performance.now() - startedAt
    const controller = await createController({ ...this.#options('new'), data: join(home, 'controller') })
    this.#running.push(controller)
    await controller.start()
    const client = await createClient({
      ...this.#options('client'),
      cluster: { ...this.#cluster, addresses: [...controller.addresses] }
    })
    this.#running.push(client)
    await client.start()
    await client.ready()
    // without a snapshot every link is suspended: being told so is the first answer
    await client.download(this.#token).then(
      (got) => got.buffer(),
      (error: unknown) => {
        if (isServed) throw error
      }
    )
    return { recoveryMs, servingMs: performance.now() - startedAt }
  }

  #options(machine: string) {
    const config: ConfigInput = {
      network: { machine },
      snapshot: { intervalMs: DAY_MS, gatherMs: GATHER_MS, recoverQuietMs: 1 },
      heartbeat: { intervalMs: 200 }
    }
    const network = (self: PeerId) => this.#hub.network({ peer: self })
    return { config, network, cluster: this.#cluster }
  }

  async #addNode(): Promise<void> {
    const host = `machine-${this.#nodes.length}`
    const chunks = new MemoryChunkStore({ clock: systemClock })
    const snapshots = new MemorySnapshotStore()
    const running = await createNode({ ...this.#options(host), store: chunks, snapshots })
    this.#running.push(running)
    await running.start()
    this.#cluster.addresses.push(...running.addresses)
    this.#nodes.push({ running, host, chunks, snapshots })
  }

  async #populate(home: string, files: number): Promise<void> {
    await mkdir(home, { recursive: true })
    const store = new SqliteMetadataStore({
      file: metadataFile(home),
      operationsWaitingMax: 4096,
      logger: silentLogger
    })
    await store.open()
    try {
      for (let done = 0; done < files; done += AT_ONCE) {
        const count = Math.min(AT_ONCE, files - done)
        await Promise.all(Array.from({ length: count }, (_, index) => this.#addFile(store, done + index)))
        if (done % 6400 === 0) process.stderr.write(`\r${done} of ${files} files made`)
      }
      process.stderr.write(`\r${files} files made            \n`)
    } finally {
      await store.close()
    }
  }

  /** As an edge and three nodes do it. */
  async #addFile(store: MetadataStore, number: number): Promise<void> {
    const upload = randomUUID() as UploadId
    const now = systemClock.now()
    const expiresAt = now + DAY_MS
    const name = `report number ${number}.pdf`
    const mediaType = 'application/pdf'
    const bytes = Buffer.from(`content of file ${number} ${upload}`)
    const token = newLinkToken(systemRandom)
    this.#token = token
    const link = {
      tokenHash: hashSecret(token),
      deleteHash: hashSecret(randomUUID()),
      downloads: 1,
      expiresAt
    }
    await store.openUpload({ id: upload, name, mediaType, metadata: {}, openedAt: now, expiresAt })
    const manifest: Manifest = {
      id: randomUUID() as FileId,
      name,
      mediaType,
      sizeBytes: bytes.byteLength,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      uploadedAt: now,
      metadata: {},
      chunks: [{ id: chunkIdOf(bytes), sizeBytes: bytes.byteLength }],
      link
    }
    const sealed = encodeManifest(manifest, this.#cluster.secret, systemRandom)
    for (const [index, content] of [
      [0, bytes],
      [MANIFEST_INDEX, sealed]
    ] as const) {
      const chunk = chunkIdOf(content)
      const sizeBytes = content.byteLength
      const { generation } = await store.reserveChunk({ upload, index, chunk, sizeBytes, expiresAt })
      await store.recordReceipts(await this.#keep(chunk, content, generation))
    }
    const { sizeBytes, sha256, id: file } = manifest
    const boots = this.#nodes.map(({ running }) => ({ peer: running.peerId, boot: bootOf(running) }))
    const commit = { upload, file, sizeBytes, sha256, chunkCount: 1, uploadedAt: now, link }
    await store.commitUpload({ ...commit, copiesMin: 2, hostsMin: 2, boots })
  }

  async #keep(chunk: ChunkId, bytes: Uint8Array, generation: Generation): Promise<Receipt[]> {
    return await Promise.all(
      this.#nodes.map(async ({ running, host, chunks }) => {
        await chunks.put(chunk, bytes, generation)
        return { peer: running.peerId, host, chunk, generation, boot: bootOf(running) }
      })
    )
  }
}

const bootOf = (node: RunningNode): number => node.membership.get(node.peerId)?.boot ?? 0

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
