/** Inventories without a pause, while files come and go and nodes restart: chance decides what meets what. */

import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import type { UploadResult } from '../../../src/client/file-writer.ts'
import { hasCode } from '../../../src/errors.ts'
import type { Random } from '../../../src/interfaces.ts'
import { MemoryMetadataStore } from '../../../src/metadata/memory-metadata-store.ts'
import { failpoints } from '../../../src/runtime/failpoints.ts'
import { hashSecret } from '../../../src/protocol/secrets.ts'
import type { ChunkId, Generation, PeerId } from '../../../src/types.ts'
import { bytesOf, claim, collect, setUp, upload } from '../../client/edge.ts'
import type { Edge } from '../../client/edge.ts'
import { seededRandom } from '../../kit/seeded-random.ts'
import { until } from '../../kit/until.ts'

const UPLOADS = 60
const UPLOADERS = 4
const NODES = 4

const pick = (random: Random, below: number): number => Math.floor(random.fraction() * below)

interface Kept {
  result: UploadResult
  bytes: Buffer
}

/** Files come, and some of them go again; few contents, so that many are equal. */
async function upAndDown(edge: Edge, random: Random, kept: Kept[]): Promise<void> {
  for (let i = 0; i < UPLOADS / UPLOADERS; i++) {
    const bytes = bytesOf(500 + pick(random, 6), 7)
    try {
      const result = await edge.writer.upload(upload(bytes, { link: () => ({ downloads: 3, ttlMs: 1e8 }) }))
      if (random.fraction() < 0.5) kept.push({ result, bytes })
      else await revoke(edge, result)
    } catch (error) {
      // nodes go away in the middle: not every upload can succeed
      if (!hasCode(error)) throw error
    }
    await pause(pick(random, 30))
  }
}

async function revoke({ client }: Edge, { token, deleteSecret }: UploadResult): Promise<void> {
  const hashes = { tokenHash: hashSecret(token), deleteHash: hashSecret(deleteSecret) }
  await client.controller.call('revokeLink', hashes)
}

/** Live chunks whose record is not what the nodes hold, as text. */
async function differences({ cluster }: Edge, metadata: MemoryMetadataStore): Promise<string[]> {
  const wrong: string[] = []
  const live = await metadata.listChunks(undefined, 10_000)
  for (const { chunk, generation, copies } of live) {
    for (const { peer, store } of cluster.nodes) {
      const info = await store.stat(chunk)
      const isHeld = info !== undefined && info.generation >= generation
      const isRecorded = copies.some((copy) => copy.peer === peer)
      if (isHeld !== isRecorded) wrong.push(`${chunk} on ${peer}: held ${isHeld}, recorded ${isRecorded}`)
    }
  }
  return wrong
}

async function readable(t: Test, edge: Edge, kept: readonly Kept[]): Promise<void> {
  for (const { result, bytes } of kept) {
    t.ok((await collect(edge.reader.read(await claim(edge, result)))).equals(bytes))
  }
}

async function setUpStress(t: Test) {
  const metadata = new MemoryMetadataStore()
  const drops: Array<{ peer: PeerId; chunk: ChunkId }> = []
  const { dropCopy } = metadata
  Object.assign(metadata, {
    dropCopy: async (copy: Parameters<typeof dropCopy>[0]) => {
      const known = await metadata.findChunk(copy.chunk)
      const recorded = known?.copies.find(({ peer }) => peer === copy.peer)
      await dropCopy(copy)
      const after = (await metadata.findChunk(copy.chunk))?.copies.some(({ peer }) => peer === copy.peer)
      if (recorded !== undefined && after === false) drops.push(copy)
    }
  })
  const edge = await setUp(t, {
    nodes: NODES,
    metadata,
    config: { inventory: { intervalMs: 20, quarantineMs: 400, sweepMax: 10_000 } }
  })
  const random = seededRandom(23)
  for (const name of [
    'chunk.put.beforeReceipt',
    'receipts.report.before',
    'chunk.delete.beforeStore'
  ] as const) {
    failpoints.arm(name, { kind: 'run', run: () => pause(pick(random, 20)) }, { probability: 0.3 })
  }
  t.teardown(() => failpoints.disarmAll())
  return { edge, metadata, drops, random }
}

t.test('while no node loses anything no copy is taken off the record, whatever comes together', async (t) => {
  const { edge, metadata, drops, random } = await setUpStress(t)
  const kept: Kept[] = []
  let over = false
  const restarts = async (): Promise<void> => {
    while (!over) {
      await edge.cluster.restartNode(pick(random, NODES), { crash: random.fraction() < 0.5 })
      await pause(pick(random, 100))
    }
  }
  const restarting = restarts()
  await Promise.all(Array.from({ length: UPLOADERS }, async () => await upAndDown(edge, random, kept)))
  over = true
  await restarting
  failpoints.disarmAll()
  t.same(drops, [])
  t.ok(kept.length > 5)
  await until(
    'what is recorded is what is held',
    async () => (await differences(edge, metadata)).length === 0
  )
  await readable(t, edge, kept)
})

t.test('when nodes lose chunks the record follows, and no other copy does', async (t) => {
  const { edge, metadata, drops, random } = await setUpStress(t)
  const { cluster } = edge
  const kept: Kept[] = []
  const lost = new Set<string>()
  let over = false
  const lose = async (): Promise<void> => {
    while (!over) {
      const live = await metadata.listChunks(undefined, 1000)
      const chunk = live[pick(random, live.length)]?.chunk
      const holders = []
      for (const node of cluster.nodes) {
        if (chunk !== undefined && (await node.store.stat(chunk)) !== undefined) holders.push(node)
      }
      const [first] = holders
      // as many nodes as are promised may lose it, and no more
      if (chunk !== undefined && first !== undefined && holders.length > 2) {
        lost.add(`${first.peer} ${chunk}`)
        await first.store.delete(chunk, 1_000_000 as Generation)
      }
      await pause(pick(random, 20))
    }
  }
  const losing = lose()
  await Promise.all(Array.from({ length: UPLOADERS }, async () => await upAndDown(edge, random, kept)))
  over = true
  await losing
  failpoints.disarmAll()
  t.same(
    drops.filter(({ peer, chunk }) => !lost.has(`${peer} ${chunk}`)),
    []
  )
  t.ok(drops.length > 0)
  await until(
    'what is recorded is what is held',
    async () => (await differences(edge, metadata)).length === 0
  )
  await readable(t, edge, kept)
})
