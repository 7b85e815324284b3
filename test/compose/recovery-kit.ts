/** A cluster in one process whose controller can be lost and made anew; what nodes keep can be looked at. */

import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import { backup } from '../../src/compose/backup.ts'
import { recoverController } from '../../src/compose/recover.ts'
import type { RecoverOptions } from '../../src/compose/recover.ts'
import type { RecoveryReport } from '../../src/controller/recovery/report.ts'
import type {
  ConfigInput,
  RunningClient,
  RunningController,
  RunningNode,
  RunningPeer
} from '../../src/index.ts'
import {
  createClient,
  createController,
  createNode,
  MemoryChunkStore,
  MemoryHub,
  parseJoinString,
  systemClock,
  systemRandom
} from '../../src/index.ts'
import type { ClusterKey } from '../../src/index.ts'
import type { Network } from '../../src/interfaces.ts'
import type { PeerId } from '../../src/types.ts'
import { GatedSnapshots } from '../controller/snapshots/snapshot-world.ts'
import { FAST_CONFIG } from '../kit/fast-config.ts'
import { until } from '../kit/until.ts'
import { testFolder } from '../kit/test-folder.ts'

const CONFIG: ConfigInput = {
  ...FAST_CONFIG,
  // after the first base nothing is shipped by itself
  snapshot: { intervalMs: 3_600_000, gatherMs: 600, recoverQuietMs: 1, noteTimeoutMs: 10_000 },
  edge: { ...FAST_CONFIG.edge, uploadBytesMax: 64 * 1024 * 1024 }
}

export interface KitNode {
  readonly running: RunningNode
  readonly snapshots: GatedSnapshots
  readonly chunks: MemoryChunkStore
}

export class RecoveryKit {
  readonly hub = new MemoryHub({ clock: systemClock, random: systemRandom })
  readonly folder: string
  readonly nodes: KitNode[] = []
  controller!: RunningController
  client!: RunningClient
  cluster!: ClusterKey
  readonly #t: Test

  constructor(t: Test) {
    this.#t = t
    this.folder = testFolder(t)
  }

  home(name: string): string {
    return join(this.folder, name)
  }

  options(machine: string): {
    config: ConfigInput
    network: (self: PeerId) => Network
    cluster?: ClusterKey
  } {
    return {
      config: { ...CONFIG, network: { machine } },
      network: (self) => this.hub.network({ peer: self }),
      ...(this.cluster === undefined ? {} : { cluster: this.cluster })
    }
  }

  async start(nodes = 3): Promise<void> {
    this.controller = await this.begin(
      await createController({ ...this.options('c'), data: join(this.home('c'), 'controller') })
    )
    this.cluster = parseJoinString(this.controller.joinString)
    for (let i = 0; i < nodes; i++) await this.addNode()
    this.client = await this.begin(await createClient(this.options('client')))
    await this.client.ready()
    await until('nodes have a snapshot', async () => (await this.behindMs()) !== null)
  }

  async behindMs(): Promise<number | null | undefined> {
    return (await this.controller.status()).snapshot?.behindMs
  }

  /** A snapshot in which all nodes are on record. */
  async shipBase(): Promise<void> {
    await until(
      'every node is on record',
      async () => (await this.#recordedNodes().catch(() => 0)) === this.nodes.length // copied in the middle of a write
    )
    const { config, network } = this.options('c')
    await backup(this.home('admin'), this.home('shipped.backup'), {
      config,
      network,
      join: this.cluster,
      force: true
    })
  }

  /** From a copy: the controller keeps its file to itself. */
  async #recordedNodes(): Promise<number> {
    const copy = this.home('copy.db')
    for (const end of ['', '-wal'])
      await copyFile(join(this.home('c'), 'controller', `metadata.db${end}`), `${copy}${end}`)
    using database = new DatabaseSync(copy)
    return Number(database.prepare('SELECT count(*) AS count FROM nodes').get()?.['count'])
  }

  /** @param machine one of its own, if none is given */
  async addNode(machine = `n${this.nodes.length}`): Promise<KitNode> {
    const snapshots = new GatedSnapshots()
    const chunks = new MemoryChunkStore({ clock: systemClock })
    const running = await this.begin(await createNode({ ...this.options(machine), snapshots, store: chunks }))
    const node = { running, snapshots, chunks }
    this.nodes.push(node)
    return node
  }

  async begin<T extends RunningPeer>(peer: T): Promise<T> {
    this.#t.teardown(() => peer.stop())
    await peer.start()
    return peer
  }

  /** As a machine that is gone, with all that was on it. */
  async loseController(): Promise<void> {
    this.hub.crash(this.controller.peerId)
    await this.controller.stop()
  }

  recoverOptions(name: string): RecoverOptions {
    const [node] = this.nodes
    return {
      ...this.options(name),
      home: this.home(name),
      join: this.cluster,
      peers: node?.running.addresses
    }
  }

  /** Makes the metadata anew, and leads with it. */
  async recover(name = 'other'): Promise<RecoveryReport> {
    const report = await recoverController(this.recoverOptions(name))
    await this.lead(name)
    return report
  }

  async lead(name: string): Promise<void> {
    this.controller = await this.begin(
      await createController({ ...this.options(name), data: join(this.home(name), 'controller') })
    )
    await until('the client hears it', () =>
      this.client.membership.active('controller').some(({ term }) => term === this.controller.term)
    )
  }

  /** What redeeming a link comes to: the bytes, or the code of the refusal. */
  async redeem(token: string, password?: string): Promise<Buffer | string> {
    try {
      return Buffer.from(await (await this.client.download(token, { password })).buffer())
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error)
    }
  }
}
