import type { Test } from 'tap'
import type { CopySummary, MetadataStore } from '../../src/metadata-store.ts'
import { digestOf } from '../../src/protocol/ids.ts'
import { InventoryDigest } from '../../src/protocol/inventory.ts'
import type { ChunkId, Generation } from '../../src/types.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { byDigest, chunk, openUpload, peer, receipt, reserve } from './metadata-fixture.ts'

interface Held {
  chunk: ChunkId
  generation: Generation
}

const prefixOf = (id: ChunkId): number => digestOf(id)[0] ?? -1

/** What a node would answer that holds these. */
function inventoryOf(held: readonly Held[], prefix: number): CopySummary {
  const inventory = new InventoryDigest()
  const inOrder = held.filter((each) => prefixOf(each.chunk) === prefix).toSorted(byDigest)
  for (const each of inOrder) inventory.add(digestOf(each.chunk), each.generation)
  return inventory.summary()
}

/** Enough chunks that some share a prefix, held by peer 1 in boot 1; every third by peer 2 as well. */
async function fill(store: MetadataStore): Promise<Held[]> {
  const upload = await openUpload(store, 'many')
  const held: Held[] = []
  for (let i = 0; i < 60; i++) {
    const id = chunk(`chunk ${i}`)
    const g = await reserve(store, upload, i, id)
    await store.recordReceipts([receipt(1, id, g), ...(i % 3 === 0 ? [receipt(2, id, g)] : [])])
    held.push({ chunk: id, generation: g })
  }
  return held
}

const bootsOf = async (store: MetadataStore, n: number): Promise<Map<ChunkId, number>> =>
  new Map((await store.listCopies(peer(n), undefined, 1000)).map((each) => [each.chunk, each.boot]))

export async function testInventory(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('the summary of a peer is that of what it is recorded to hold', async (t) => {
    const store = await makeStore(t)
    const held = await fill(store)
    const summaries = await store.summarizeCopies(peer(1), 0, 255)
    t.equal(summaries.length, 256)
    t.strictSame(
      summaries,
      summaries.map((_, prefix) => inventoryOf(held, prefix))
    )
    t.ok(summaries.some((each) => each.count > 1) && summaries.some((each) => each.count === 0))
    const prefix = prefixOf(held[0]?.chunk ?? chunk(''))
    t.strictSame(await store.summarizeCopies(peer(1), prefix, prefix), [inventoryOf(held, prefix)])
    t.strictSame(await store.summarizeCopies(peer(1), 254, 255), summaries.slice(254))
    const others = await store.summarizeCopies(peer(2), 0, 255)
    t.equal(
      others.reduce((sum, each) => sum + each.count, 0),
      20
    )
    t.strictSame(await store.summarizeCopies(peer(9), 7, 8), [inventoryOf([], 7), inventoryOf([], 8)])
  })

  await t.test('copies of an earlier life are in it: the node holds them still', async (t) => {
    const store = await makeStore(t)
    const id = chunk('x')
    const upload = await openUpload(store, 'a')
    const old = await reserve(store, upload, 0, id)
    await store.recordReceipts([receipt(1, id, old)])
    await store.abandonUpload(upload)
    await store.condemnChunks(10)
    const expected = inventoryOf([{ chunk: id, generation: old }], prefixOf(id))
    t.strictSame(await store.summarizeCopies(peer(1), prefixOf(id), prefixOf(id)), [expected], 'condemned')
    await reserve(store, await openUpload(store, 'b'), 0, id)
    t.strictSame(await store.summarizeCopies(peer(1), prefixOf(id), prefixOf(id)), [expected], 'live again')
    t.match(await store.listCopies(peer(1), undefined, 10), [{ chunk: id, generation: old, boot: 1 }])
  })

  await t.test(
    'the right digest makes the copies of that prefix sure in the new boot, and no others',
    async (t) => {
      const store = await makeStore(t)
      const held = await fill(store)
      const counts = await store.summarizeCopies(peer(1), 0, 255)
      const prefix = counts.findIndex((each) => each.count > 1)
      const { digest } = inventoryOf(held, prefix)
      t.equal(await store.confirmCopies({ peer: peer(1), host: 'host-1', boot: 7, prefix, digest }), true)
      t.equal(
        await store.confirmCopies({ peer: peer(1), host: 'host-1', boot: 7, prefix, digest }),
        true,
        'again'
      )
      for (const [id, boot] of await bootsOf(store, 1)) t.equal(boot, prefixOf(id) === prefix ? 7 : 1)
      for (const boot of (await bootsOf(store, 2)).values()) t.equal(boot, 1, 'nor those of another node')
      t.equal(await store.confirmCopies({ peer: peer(1), host: 'host-1', boot: 5, prefix, digest }), true)
      const boots = [...(await bootsOf(store, 1)).values()]
      t.equal(boots.filter((boot) => boot === 5).length, 0, 'a boot never goes back')
      for (let each = 0; each < 256; each++) {
        const summary = inventoryOf(held, each)
        t.equal(
          await store.confirmCopies({
            peer: peer(1),
            host: 'host-1',
            boot: 8,
            prefix: each,
            digest: summary.digest
          }),
          true
        )
      }
      t.strictSame(new Set((await bootsOf(store, 1)).values()), new Set([8]))
    }
  )

  await t.test(
    'copies count on the machine their node runs on now: a disk may have been moved',
    async (t) => {
      const store = await makeStore(t)
      const upload = await openUpload(store, 'a')
      const id = chunk('x')
      const g = await reserve(store, upload, 0, id)
      await store.recordReceipts([receipt(1, id, g), receipt(2, id, g)])
      const prefix = prefixOf(id)
      const { digest } = inventoryOf([{ chunk: id, generation: g }], prefix)
      const rule = (boot: number) => ({
        copiesMin: 2,
        hostsMin: 2,
        boots: [
          { peer: peer(1), boot },
          { peer: peer(2), boot: 1 }
        ]
      })
      t.strictSame(await store.listLacking(upload, rule(1), 10), [])
      t.equal(await store.confirmCopies({ peer: peer(1), host: 'host-2', boot: 7, prefix, digest }), true)
      const [lacking] = await store.listLacking(upload, rule(7), 10)
      t.match(lacking?.copies, [
        { peer: peer(1), host: 'host-2', boot: 7 },
        { peer: peer(2), host: 'host-2', boot: 1 }
      ])
      t.equal(await store.confirmCopies({ peer: peer(1), host: 'host-1', boot: 5, prefix, digest }), true)
      t.equal((await store.listLacking(upload, rule(7), 10)).length, 1, 'an earlier life does not move it')
      t.equal(await store.confirmCopies({ peer: peer(1), host: 'host-1', boot: 8, prefix, digest }), true)
      t.strictSame(await store.listLacking(upload, rule(8), 10), [], 'moved back')
    }
  )

  await t.test('another digest changes nothing', async (t) => {
    const store = await makeStore(t)
    const held = await fill(store)
    const prefix = prefixOf(held[0]?.chunk ?? chunk(''))
    const [first, ...others] = held.filter((each) => prefixOf(each.chunk) === prefix)
    if (first === undefined) return t.fail('no chunk')
    const wrong: Held[][] = [
      others,
      [{ ...first, generation: (first.generation + 1) as Generation }, ...others],
      [first, ...others, { chunk: otherOf(prefix), generation: first.generation }]
    ]
    for (const each of wrong) {
      const { digest } = inventoryOf(each, prefix)
      t.equal(await store.confirmCopies({ peer: peer(1), host: 'host-1', boot: 7, prefix, digest }), false)
      t.equal(
        await store.confirmCopies({
          peer: peer(9),
          host: 'host-9',
          boot: 7,
          prefix,
          digest: inventoryOf(held, prefix).digest
        }),
        false
      )
    }
    t.strictSame(new Set((await bootsOf(store, 1)).values()), new Set([1]))
    const nothing = inventoryOf([], prefix).digest
    t.equal(
      await store.confirmCopies({ peer: peer(9), host: 'host-9', boot: 7, prefix, digest: nothing }),
      true
    )
  })

  await t.test('copies of a peer come in pages, in order of digests', async (t) => {
    const store = await makeStore(t)
    const held = await fill(store)
    const all = await store.listCopies(peer(1), undefined, 1000)
    t.strictSame(
      new Set(all.map((each) => `${each.chunk} ${each.generation}`)),
      new Set(held.map((each) => `${each.chunk} ${each.generation}`))
    )
    const seen: typeof all = []
    for (let page: typeof all = []; ; seen.push(...page)) {
      page = await store.listCopies(peer(1), seen.at(-1)?.chunk, 7)
      if (page.length === 0) break
    }
    t.strictSame(seen, all)
    t.equal((await store.listCopies(peer(2), undefined, 1000)).length, 20)
    t.strictSame(await store.listCopies(peer(9), undefined, 10), [])
  })
}

/** A chunk that no test stores, of this prefix. */
function otherOf(prefix: number): ChunkId {
  for (let n = 0; ; n++) if (prefixOf(chunk(`other ${n}`)) === prefix) return chunk(`other ${n}`)
}
