/** What a node said of a copy before it was trimmed makes nothing count. */

import t from 'tap'
import { Membership } from '../../src/cluster/membership.ts'
import { parseConfig } from '../../src/config.ts'
import { RecentChunks } from '../../src/controller/recent-chunks.ts'
import { StoreTime } from '../../src/controller/store-time.ts'
import { TrimWatch } from '../../src/controller/trim-watch.ts'
import { UploadService } from '../../src/controller/upload-service.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import type { ChunkId, PeerId, Receipt, UploadId } from '../../src/types.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { chunk, generation, member, peer } from './members.ts'

const copy = { peer: peer('A'), chunk: chunk('x'), generation: generation(5) }
const REMEMBER_MS = 1000

t.test('what was said before a trim began or ended is in doubt, what is said later is not', async (t) => {
  const trims = new TrimWatch({ clock: new ManualClock(), rememberMs: REMEMBER_MS })
  const before = trims.last
  t.notOk(trims.isTrimmedSince(copy, before))
  t.notOk(trims.mayBeTrimmed(copy))
  const gate = Promise.withResolvers<void>()
  const trim = trims.during(copy, () => gate.promise)
  const during = trims.last
  t.ok(trims.isTrimmedSince(copy, before))
  t.ok(trims.isTrimmedSince(copy, during))
  t.notOk(trims.isTrimmedSince({ ...copy, peer: peer('B') }, before), 'that of another node is not')
  gate.resolve()
  await Promise.all([trim, trims.settled(copy)])
  t.ok(trims.isTrimmedSince(copy, before))
  t.ok(trims.isTrimmedSince(copy, during), 'it was asked while the trim ran')
  t.notOk(trims.isTrimmedSince(copy, trims.last))
  t.ok(trims.mayBeTrimmed(copy), 'of a receipt nobody knows when it was given')
})

t.test('a trim that fails is over as well', async (t) => {
  const trims = new TrimWatch({ clock: new ManualClock(), rememberMs: REMEMBER_MS })
  const before = trims.last
  await t.rejects(trims.during(copy, async () => Promise.reject(new Error('no answer'))))
  await trims.settled(copy)
  t.ok(trims.isTrimmedSince(copy, before), 'the node may have carried it out')
})

t.test('what is forgotten stays in doubt: receipts of its time, and answers older than it', async (t) => {
  const clock = new ManualClock()
  const trims = new TrimWatch({ clock, rememberMs: REMEMBER_MS })
  const before = trims.last
  await trims.during(copy, async () => {})
  await clock.advance(REMEMBER_MS)
  t.ok(trims.mayBeTrimmed(copy))
  const other = { ...copy, chunk: chunk('y') }
  t.ok(trims.mayBeTrimmed(other))
  t.notOk(trims.mayBeTrimmed({ ...other, generation: generation(6) }), 'given out later')
  t.ok(trims.isTrimmedSince(copy, before))
  t.notOk(trims.isTrimmedSince(copy, trims.last))
})

t.test('nothing is known of the trims of an earlier process', async (t) => {
  const trims = new TrimWatch({ clock: new ManualClock(), rememberMs: REMEMBER_MS })
  trims.begin(generation(5))
  t.ok(trims.mayBeTrimmed(copy))
  t.notOk(trims.mayBeTrimmed({ ...copy, generation: generation(6) }))
})

/** An upload service over a real store, with nodes A and B, whose word about what they hold is the test's. */
async function startUploads(areHeld: (peer: PeerId, chunks: ChunkId[]) => Promise<boolean[]>) {
  const clock = new ManualClock()
  const config = parseConfig({})
  const store = new MemoryMetadataStore()
  await store.open()
  const membership = new Membership({ clock, ...config.heartbeat })
  for (const name of ['A', 'B']) membership.observe(member(name))
  const trims = new TrimWatch({ clock, rememberMs: REMEMBER_MS })
  const rechecked: PeerId[] = []
  const uploads = new UploadService({
    self: peer('controller'),
    store,
    membership,
    trims,
    config,
    time: new StoreTime(clock),
    recent: new RecentChunks({ clock, recentMs: 0 }),
    check: {
      areHeld: async (of, copies) =>
        await areHeld(
          of,
          copies.map((each) => each.chunk)
        )
    },
    inventory: { verify: async () => {}, recheck: (of) => rechecked.push(of) },
    repair: { drainOf: () => null, urge: () => {} },
    onGarbage: () => {}
  })
  const upload = '00000000-0000-4000-8000-000000000000' as UploadId
  await uploads.open({ id: upload, name: 'a', mediaType: 'text/plain', metadata: {} })
  const receiptsOf = async (index: number): Promise<[Receipt, Receipt]> => {
    const id = chunk(`${index}`)
    const reserved = await uploads.reserve({ upload, index, chunk: id, sizeBytes: 1 })
    const receipt = { chunk: id, generation: reserved.generation, boot: 1 }
    return [
      { ...receipt, peer: peer('A'), host: 'host-A' },
      { ...receipt, peer: peer('B'), host: 'host-B' }
    ]
  }
  const recorded = async (id: ChunkId) => (await store.findChunk(id))?.copies.map((each) => each.peer)
  return { store, trims, uploads, receiptsOf, recorded, rechecked }
}

t.test(
  'a receipt whose copy is trimmed while another receipt is looked at makes nothing count',
  async (t) => {
    const asked = Promise.withResolvers<void>()
    const answered = Promise.withResolvers<void>()
    const gone = new Set<string>()
    const { store, trims, uploads, receiptsOf, recorded, rechecked } = await startUploads(
      async (of, chunks) => {
        asked.resolve()
        await answered.promise
        return chunks.map((id) => !gone.has(`${of} ${id}`))
      }
    )
    const [a1, b1] = await receiptsOf(0)
    const [a2, b2] = await receiptsOf(1)
    const { signal } = new AbortController()
    await uploads.recordReceipts({ receipts: [a1, b1, b2] }, signal)
    const trim = async ({ peer: of, chunk: id, generation: at }: Receipt, kept: Receipt): Promise<void> => {
      await trims.during({ peer: of, chunk: id, generation: at }, async () => {
        gone.add(`${of} ${id}`)
        t.ok(await store.trimCopy({ chunk: id, generation: at, peer: of, keep: [kept] }))
      })
    }
    await store.recordReceipts([a2])
    await trim(a2, b2)
    gone.delete(`${a2.peer} ${a2.chunk}`) // it was given the chunk again
    const recording = uploads.recordReceipts({ receipts: [a1, a2] }, signal)
    await asked.promise
    await trim(a1, b1)
    answered.resolve()
    await recording
    t.same(await recorded(a1.chunk), [b1.peer])
    t.same(await recorded(a2.chunk), [a2.peer, b2.peer])
    t.same(rechecked, [a1.peer])
  }
)
