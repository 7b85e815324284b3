import t from 'tap'
import type { Test } from 'tap'
import { ChunkWriter } from '../../src/client/chunk-writer.ts'
import { Membership } from '../../src/cluster/membership.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { PeerbinError } from '../../src/errors.ts'
import type { ChunkMessages, RequestOf } from '../../src/protocol/messages.ts'
import { randomUuid } from '../../src/runtime/random.ts'
import type { PeerId, Receipt, UploadId } from '../../src/types.ts'
import { heartbeat } from '../cluster/members.ts'
import { bytesOf, setUp } from './edge.ts'
import type { Edge } from './edge.ts'

type Put = RequestOf<ChunkMessages, 'put'>

/** A cluster of nodes that say what the test wants them to, with a real controller. */
async function impostors(
  test: Test,
  answer: (put: Put, peer: PeerId, attempt: number) => Receipt[]
): Promise<{ asked: PeerId[]; write: () => ReturnType<Edge['chunks']['write']> }> {
  const edge = await setUp(test, { nodes: 0, config: { replication: { putTimeoutMs: 2000 } } })
  const { clock, config, logger } = edge.cluster
  // impostors do not say that they have space; this does
  const membership = new Membership({ clock, suspectAfterMs: 60_000, downAfterMs: 60_000 })
  const asked: PeerId[] = []
  for (let index = 0; index < 4; index++) {
    const participant = await edge.cluster.addImpostor(
      {
        put: async ({ message }) => {
          asked.push(participant.peer)
          return { message: { receipts: answer(message, participant.peer, asked.length), owed: 0 } }
        }
      },
      `host-${index}`
    )
    membership.observe(heartbeat(index, { peer: participant.peer }))
  }
  const id = randomUuid(edge.cluster.random) as UploadId
  const facts = { name: 'x', mediaType: 'text/plain', metadata: {} }
  await edge.client.controller.call('openUpload', { id, ...facts })
  const { controller, chunkRpc: rpc } = edge.client
  const chunks = new ChunkWriter({ rpc, controller, membership, clock, config: config.replication, logger })
  const write = () => chunks.write({ upload: id, index: 0, bytes: bytesOf(100) })
  return { asked, write }
}

const receipt = (put: Put, peer: PeerId, host: string, more: Partial<Receipt> = {}): Receipt => ({
  peer,
  host,
  chunk: put.id,
  generation: put.generation,
  boot: 1,
  ...more
})

const durable = (put: Put, peer: PeerId): Receipt[] => [
  receipt(put, peer, 'self'),
  ...put.targets.slice(0, 1).map((target) => receipt(put, target.peer, target.host))
]

t.test('a node is tried again, then another takes its place: three attempts', async (t) => {
  const { asked, write } = await impostors(t, () => {
    throw new PeerbinError('store-failed')
  })
  await t.rejects(write(), { code: 'store-failed' })
  t.equal(asked.length, 3)
  t.equal(asked[0], asked[1])
  t.not(asked[1], asked[2])
})

t.test('who has no space, or cannot find peers for its copies, is not asked twice', async (t) => {
  for (const code of ['store-full', 'copies-missing'] satisfies ErrorCode[]) {
    const { asked, write } = await impostors(t, () => {
      throw new PeerbinError(code)
    })
    await t.rejects(write(), { code })
    t.equal(new Set(asked).size, 3)
  }
})

t.test('the second attempt may succeed, and then the memory must not be used again', async (t) => {
  const { asked, write } = await impostors(t, (put, peer, attempt) => {
    if (attempt === 1) throw new PeerbinError('busy')
    return durable(put, peer)
  })
  t.match(await write(), { bytesFree: false, sizeBytes: 100, receipts: { length: 2 } })
  t.equal(asked[0], asked[1])
})

t.test('a node that failed is named last among those to pass copies to', async (t) => {
  const targets: PeerId[][] = []
  const { asked, write } = await impostors(t, (put, peer, attempt) => {
    targets.push(put.targets.map((target) => target.peer))
    if (attempt < 3) throw new PeerbinError('store-failed')
    return durable(put, peer)
  })
  await write()
  t.equal(targets[2]?.at(-1), asked[0])
  t.notOk(targets[2]?.includes(asked[2] as PeerId))
})

t.test('receipts that do not prove two copies on two hosts are not believed', async (t) => {
  const lies: Array<(put: Put, peer: PeerId) => Receipt[]> = [
    (put, peer) => [receipt(put, peer, 'a')],
    (put, peer) => [receipt(put, peer, 'a'), receipt(put, peer, 'b')],
    (put, peer) => [receipt(put, peer, 'a'), receipt(put, put.targets[0]?.peer ?? peer, 'a')],
    (put, peer) =>
      durable(put, peer).map((each) => ({
        ...each,
        generation: (put.generation - 1) as Receipt['generation']
      }))
  ]
  for (const lie of lies) {
    const { write } = await impostors(t, lie)
    await t.rejects(write(), { code: 'protocol-violation' })
  }
  const { write } = await impostors(t, durable)
  t.match(await write(), { bytesFree: true, receipts: { length: 2 } })
})
