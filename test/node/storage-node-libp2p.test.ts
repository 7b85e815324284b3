import t, { type Test } from 'tap'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { ControllerClient } from '../../src/client/controller-client.ts'
import { Announcer, type SelfDescription } from '../../src/cluster/announcer.ts'
import { Membership } from '../../src/cluster/membership.ts'
import { parseConfig } from '../../src/config.ts'
import { newIdentity } from '../../src/network/identity.ts'
import { createLibp2pNetwork } from '../../src/network/libp2p-network.ts'
import { NEVER_SCRUBBED } from '../../src/node/scrubber.ts'
import { StorageNode } from '../../src/node/storage-node.ts'
import { LevelChunkStore } from '../../src/node/store/level-chunk-store.ts'
import { MemorySnapshotStore } from '../../src/node/store/memory-snapshot-store.ts'
import { CHUNK_PROTOCOL, CONTROL_PROTOCOL } from '../../src/protocol/limits.ts'
import { chunkMessages, controlMessages, type ChunkMessages } from '../../src/protocol/messages.ts'
import type { RpcCaller } from '../../src/protocol/rpc.ts'
import { createCaller } from '../../src/protocol/rpc-client.ts'
import { memoryCell } from '../../src/runtime/cell.ts'
import { systemClock as clock } from '../../src/runtime/clock.ts'
import { silentLogger as logger } from '../../src/runtime/logger.ts'
import { systemRandom as random } from '../../src/runtime/random.ts'
import type { Address, PeerId, Role, Term } from '../../src/types.ts'
import { FAST_CONFIG } from '../kit/memory-cluster.ts'
import { until } from '../kit/until.ts'
import { putChunk, someChunk } from './put-chunk.ts'
import { testFolder } from '../kit/test-folder.ts'

const config = parseConfig(FAST_CONFIG)
const clusterSecret = new Uint8Array(randomBytes(32))

interface Member {
  peer: PeerId
  host: string
  addresses: () => Address[]
  membership: Membership
  chunkRpc: RpcCaller<ChunkMessages>
  node: StorageNode | undefined
  store: LevelChunkStore
}

const NO_CHUNKS = { capacityBytes: 0, freeBytes: 0, usedBytes: 0, chunks: 0 }

/** A member over real sockets; a `node` has a real store. */
async function joinCluster(t: Test, role: Role, host: string, bootstrap: Address[]): Promise<Member> {
  const network = await createLibp2pNetwork({
    identity: await newIdentity(),
    clusterSecret,
    listenHost: '127.0.0.1',
    listenPort: 0,
    announce: [],
    connectionsMax: 50,
    logger
  })
  const membership = new Membership({ clock, ...config.heartbeat })
  const chunkRpc = createCaller({ network, role, clock, protocol: CHUNK_PROTOCOL, messages: chunkMessages })
  const rpc = createCaller({ network, role, clock, protocol: CONTROL_PROTOCOL, messages: controlMessages })
  const controller = new ControllerClient({ rpc, membership, clock, random, config: config.controller })
  const store = new LevelChunkStore({ folder: join(t.testdirName, host), clock, capacityBytes: 0 })
  const shared = { network, membership, clock, random, logger }
  const cells = {
    term: memoryCell(0 as Term),
    draining: memoryCell(false),
    scrub: memoryCell(NEVER_SCRUBBED)
  }
  const snapshots = new MemorySnapshotStore()
  const nodeDeps = { ...shared, ...cells, store, snapshots, chunkRpc, controller, host, config }
  const heard = { boot: () => announcer.boot, announce: () => announcer.announceNow() }
  const node = role === 'node' ? new StorageNode({ ...nodeDeps, ...heard }) : undefined
  const nothing = { ...NO_CHUNKS, scrubbedAt: 0, quarantined: 0, state: 'active' as const }
  const about: Pick<SelfDescription, 'roles' | 'host' | 'zone' | 'tier' | 'term'> = {
    roles: [role],
    host,
    zone: '',
    tier: 'hot',
    term: 0 as Term
  }
  const announcer: Announcer = new Announcer({
    ...shared,
    config: config.heartbeat,
    version: '0.0.0-test',
    boot: memoryCell(0),
    peers: memoryCell<Record<string, Address[]>>({}),
    bootstrap,
    describe: async () => ({ ...about, ...nothing, ...(await node?.describe()) })
  })
  t.teardown(async () => {
    await node?.stop()
    await announcer.stop()
    chunkRpc.close()
    rpc.close()
    await network.stop()
  })
  await network.start()
  await node?.start()
  await announcer.start()
  return { peer: network.self, host, addresses: () => network.addresses(), membership, chunkRpc, node, store }
}

t.test('three nodes over sockets keep a chunk in LevelDB, synced, and serve it again', async (t) => {
  testFolder(t, { a: {}, b: {}, c: {} })
  const first = await joinCluster(t, 'node', 'a', [])
  const nodes = [first]
  for (const host of ['b', 'c']) nodes.push(await joinCluster(t, 'node', host, first.addresses()))
  const edge = await joinCluster(t, 'edge', 'edge', first.addresses())
  const members = [...nodes, edge]
  await until('everybody sees everybody', () =>
    members.every(({ membership }) =>
      members.every(({ peer }) => membership.get(peer)?.liveness === 'active')
    )
  )
  const chunks = Array.from({ length: 2 }, () => someChunk(4 * 1024 * 1024))
  const targets = nodes.slice(1).map(({ peer, host }) => ({ peer, host }))
  const answers = await Promise.all(
    chunks.map(async (chunk) => await putChunk(edge, first, chunk, { targets }))
  )
  for (const answer of answers) t.ok(new Set(answer.receipts.map((receipt) => receipt.host)).size >= 2)
  await until('all copies are there', () =>
    nodes.every(({ node }) => node?.activity.putsUnderWay === 0 && node.activity.receiving === 0)
  )
  for (const { peer, store } of nodes) {
    for (const chunk of chunks) {
      t.ok((await store.stat(chunk.id)) !== undefined)
      const allocate = (sizeBytes: number): Uint8Array => new Uint8Array(sizeBytes)
      const message = { id: chunk.id, offset: 0 }
      const answer = await edge.chunkRpc.call(peer, 'get', message, { timeoutMs: 10_000, allocate })
      t.ok(Buffer.compare(answer.body ?? Buffer.alloc(0), chunk.bytes) === 0)
    }
  }
  const activity = first.node?.activity
  t.match(activity, { receiving: 0, copying: 0, reading: 0, buffers: 0 })
  t.ok((activity?.buffersKept ?? 0) > 0, 'buffers are used again after their streams have answered')
})
