/** What every SnapshotStore does. */

import type { Test } from 'tap'
import type { SnapshotName, SnapshotStore } from '../../src/interfaces.ts'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'
import { compareSnapshotNames } from '../../src/protocol/snapshot-names.ts'
import type { Term } from '../../src/types.ts'
import { seededRandom } from '../kit/seeded-random.ts'
import { someBytes } from './chunk-store-kit.ts'

export const snapshotName = (more: Partial<SnapshotName> = {}): SnapshotName => ({
  term: 1 as Term,
  base: 1,
  kind: 'base',
  sequence: 0,
  part: 0,
  parts: 1,
  ...more
})

/** In order, with differences in each field that are large, small, and such that text would sort them otherwise. */
const NAMES: readonly SnapshotName[] = [
  snapshotName(),
  snapshotName({ parts: 2 }),
  snapshotName({ part: 1, parts: 2 }),
  snapshotName({ kind: 'changes', sequence: 1 }),
  snapshotName({ kind: 'changes', sequence: 2 }),
  snapshotName({ kind: 'changes', sequence: 10 }),
  snapshotName({ kind: 'note', sequence: 1 }),
  snapshotName({ base: 2 }),
  snapshotName({ base: 10 }),
  snapshotName({ base: 300, part: 9, parts: 300 }),
  snapshotName({ base: 300, part: 255, parts: 300 }),
  snapshotName({ base: 300, part: 256, parts: 300 }),
  snapshotName({ term: 2 as Term, base: 1 }),
  snapshotName({ term: 10 as Term, base: 1 }),
  snapshotName({ term: (2 ** 20) as Term, base: 1 }),
  snapshotName({ term: (2 ** 52) as Term, base: 2 ** 52, kind: 'note', sequence: 2 ** 52 })
]

/** Makes a place; what it answers makes a store, not opened, that sees what earlier ones of that place have stored. */
export type PlaceForSnapshots = (t: Test) => () => SnapshotStore

export function snapshotStoreConformance(t: Test, name: string, place: PlaceForSnapshots): void {
  const open = async (t: Test): Promise<SnapshotStore> => {
    const store = place(t)()
    await store.open()
    t.teardown(() => store.close())
    return store
  }

  void t.test(`${name}: a piece is read back as it was written, and may be written again`, async (t) => {
    const store = await open(t)
    const given = someBytes(100_000)
    const kept = given.slice()
    await store.put(snapshotName(), given)
    given.fill(0) // the caller may use its memory again
    const got = await store.get(snapshotName())
    t.same(Buffer.from(got ?? []), Buffer.from(kept))
    got?.fill(1)
    t.same(Buffer.from((await store.get(snapshotName())) ?? []), Buffer.from(kept), 'the answer is a copy')
    await store.put(snapshotName(), kept)
    t.same(await store.list(), [{ ...snapshotName(), sizeBytes: 100_000 }])
    const other = someBytes(10)
    await store.put(snapshotName(), other)
    t.same(Buffer.from((await store.get(snapshotName())) ?? []), Buffer.from(other))
    t.same(await store.list(), [{ ...snapshotName(), sizeBytes: 10 }])
  })

  void t.test(`${name}: names differ in every field, and are listed in order`, async (t) => {
    const store = await open(t)
    const random = seededRandom(3)
    const shuffled = NAMES.map((each) => ({ each, at: random.fraction() })).toSorted((a, b) => a.at - b.at)
    const sizeOf = (each: SnapshotName): number => NAMES.findIndex((other) => other === each) + 1
    for (const { each } of shuffled) await store.put(each, someBytes(sizeOf(each)))
    t.same(
      await store.list(),
      NAMES.map((each) => ({ ...each, sizeBytes: sizeOf(each) }))
    )
    for (const each of NAMES) t.equal((await store.get(each))?.byteLength, sizeOf(each))
    t.same(NAMES.toSorted(compareSnapshotNames), NAMES, 'as compareSnapshotNames has it')
  })

  void t.test(`${name}: what is removed is gone, what was never there is no error`, async (t) => {
    const store = await open(t)
    const [first, second] = [snapshotName(), snapshotName({ kind: 'note', sequence: 1 })]
    for (const each of [first, second]) await store.put(each, someBytes(5))
    await store.remove([first, snapshotName({ base: 77 })])
    t.equal(await store.get(first), undefined)
    t.same(await store.list(), [{ ...second, sizeBytes: 5 }])
    await store.remove([])
    t.equal(await store.get(snapshotName({ base: 78 })), undefined)
  })

  void t.test(`${name}: pieces outlive closing, and a closed store does nothing`, async (t) => {
    const make = place(t)
    const store = make()
    await store.open()
    await store.open()
    const piece = someBytes(CHUNK_BYTES_MAX)
    await store.put(snapshotName(), piece)
    await store.close()
    await store.close()
    await t.rejects(store.get(snapshotName()), { code: 'shutting-down' })
    await t.rejects(store.put(snapshotName(), piece), { code: 'shutting-down' })
    const again = make()
    await again.open()
    t.teardown(() => again.close())
    t.same(Buffer.from((await again.get(snapshotName())) ?? []), Buffer.from(piece))
  })

  void t.test(`${name}: names that can be none and pieces that are too large are refused`, async (t) => {
    const store = await open(t)
    const wrong: Array<Partial<SnapshotName>> = [
      { part: 1 },
      { parts: 0 },
      { parts: 16 * 1024 + 1 },
      { part: -1 },
      { sequence: 1 },
      { kind: 'changes' },
      { kind: 'note' },
      { term: -1 as Term },
      { term: 1.5 as Term },
      { base: 2 ** 53 },
      { kind: 'other' as SnapshotName['kind'], sequence: 1 }
    ]
    for (const more of wrong) {
      await t.rejects(store.put(snapshotName(more), someBytes(1)), { code: 'bad-request' })
    }
    await t.rejects(store.put(snapshotName(), new Uint8Array(CHUNK_BYTES_MAX + 1)), {
      code: 'chunk-too-large'
    })
    t.same(await store.list(), [])
  })
}
