/** Real nodes over a memory network whose chunks a test places by itself, and a peer that recovers from them. */

import { randomBytes, randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { openPeer } from '../../../src/compose/peer.ts'
import type { Peer } from '../../../src/compose/peer.ts'
import { RunningPeer } from '../../../src/compose/running-peer.ts'
import { renew } from '../../../src/controller/recovery/renewal.ts'
import type { Renewal, RenewalDeps } from '../../../src/controller/recovery/renewal.ts'
import { createNode, MemoryChunkStore, MemoryHub, newClusterKey } from '../../../src/index.ts'
import type { MetadataStore } from '../../../src/metadata-store.ts'
import { chunkIdOf, sha256 } from '../../../src/protocol/ids.ts'
import { encodeManifest } from '../../../src/protocol/manifest.ts'
import type { Manifest, ManifestEntry, ManifestLink } from '../../../src/protocol/manifest.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { systemRandom } from '../../../src/runtime/random.ts'
import type { ChunkId, FileId, Generation, SecretHash, Term } from '../../../src/types.ts'
import { FAST_CONFIG } from '../../kit/fast-config.ts'
import { FaultyChunkStore } from '../../kit/faulty-chunk-store.ts'
import { until } from '../../kit/until.ts'

export const NOW = 1_700_000_000_000
const HOUR = 3_600_000

export const secretHash = (): SecretHash => randomBytes(32).toString('hex') as SecretHash

export interface PlacedFile {
  readonly manifest: Manifest & { link: ManifestLink }
  readonly chunk: ChunkId
  readonly parts: ReadonlyArray<{ readonly id: ChunkId; readonly bytes: Uint8Array; generation: number }>
}

export class RenewalWorld {
  readonly cluster = { ...newClusterKey(systemRandom) }
  readonly nodes: Array<{
    readonly peer: RunningPeer['peerId']
    readonly host: string
    store: FaultyChunkStore
  }> = []
  readonly #hub = new MemoryHub({ clock: systemClock, random: systemRandom })
  readonly #t: Test
  #peer: Peer | undefined

  constructor(t: Test) {
    this.#t = t
  }

  async start(nodes = 1): Promise<void> {
    for (let i = 0; i < nodes; i++) {
      const host = `n${i}`
      const store = new FaultyChunkStore({ store: new MemoryChunkStore({ clock: systemClock }) })
      const running = await this.#begin(await createNode({ ...this.#of(host), store }))
      this.nodes.push({ peer: running.peerId, host, store })
    }
    const peer = await openPeer('controller', this.#of('new'))
    await this.#begin(new RunningPeer(peer, {}))
    await until('the nodes are heard', () => peer.membership.active('node').length === nodes)
    this.#peer = peer
  }

  /** Places a file of one chunk on these nodes (all, if none are given), as one that was committed at that generation; a user's, without a link, if `entry` says so. */
  async place(name: string, generation: number, on = this.nodes, entry?: ManifestEntry): Promise<PlacedFile> {
    const content = randomBytes(1000)
    const manifest: PlacedFile['manifest'] = {
      id: randomUUID() as FileId,
      name,
      mediaType: 'text/plain',
      sizeBytes: content.byteLength,
      sha256: Buffer.from(sha256(content)).toString('hex'),
      uploadedAt: NOW - HOUR,
      metadata: {},
      chunks: [{ id: chunkIdOf(content), sizeBytes: content.byteLength }],
      link: { tokenHash: secretHash(), deleteHash: secretHash(), downloads: 1, expiresAt: NOW + HOUR }
    }
    const { link: _link, ...rest } = manifest
    const written = entry === undefined ? manifest : { ...rest, entry }
    const bytes = encodeManifest(written, this.cluster.secret, systemRandom)
    const parts = [content, bytes].map((part) => ({ id: chunkIdOf(part), bytes: part, generation }))
    const file = { manifest, chunk: chunkIdOf(bytes), parts }
    await this.placeAgain(file, on)
    return file
  }

  async placeAgain({ parts }: PlacedFile, on = this.nodes): Promise<void> {
    for (const { store } of on)
      for (const { id, bytes, generation } of parts) await store.put(id, bytes, generation as Generation)
  }

  /** From a snapshot that could be read whole, with no notes, unless the test says otherwise. */
  async renew(store: MetadataStore, over: Partial<RenewalDeps> = {}): Promise<Renewal> {
    if (this.#peer === undefined) throw new Error('not started')
    return await renew({
      store,
      random: systemRandom,
      touched: { claimed: new Set(), revoked: new Map(), unreadable: 0 },
      suspendAll: null,
      term: (2 ** 20) as Term,
      generation: 100 as Generation,
      frozen: 'recovered',
      chunkRpc: this.#peer.chunkRpc,
      nodes: this.nodes.map(({ peer, host }) => ({ peer, host })),
      timeoutMs: 5000,
      signal: undefined,
      secret: this.cluster.secret,
      clock: systemClock,
      logger: silentLogger,
      now: NOW,
      onProgress: () => {},
      ...over
    })
  }

  #of(machine: string) {
    return {
      cluster: this.cluster,
      config: { ...FAST_CONFIG, network: { machine } },
      network: (self: Peer['network']['self']) => this.#hub.network({ peer: self })
    }
  }

  async #begin<T extends RunningPeer>(running: T): Promise<T> {
    this.#t.teardown(() => running.stop())
    await running.start()
    this.cluster.addresses.push(...running.addresses)
    return running
  }
}
