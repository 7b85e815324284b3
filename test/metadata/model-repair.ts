import fc from 'fast-check'
import { chunk, peer } from '../conformance/metadata-fixture.ts'
import { CHUNKS, bootOf, chunkName, generationOf, limit, operation, peerNumber } from './model-world.ts'
import type { Step } from './model-world.ts'

export const trim = operation(
  'trim',
  fc.tuple(
    peerNumber,
    chunkName,
    fc.constantFrom(0, 0, 0, 1),
    fc.array(fc.tuple(peerNumber, bootOf), { maxLength: 3 })
  ),
  ([n, of, back, kept]): Step =>
    (world) => {
      const keep = kept.map(([each, boot]) => ({ peer: peer(each), boot }))
      const request = { chunk: chunk(of), generation: generationOf(world, of, back), peer: peer(n), keep }
      return (store) => store.trimCopy(request)
    }
)

/** Of the copies that are there: asks first, so it runs alone. */
export const trimSurplus = operation(
  'trimSurplus',
  fc.tuple(chunkName, fc.nat(2)),
  ([of, kept]): Step =>
    () =>
    async (store) => {
      const found = await store.findChunk(chunk(of))
      const victim = found?.copies[0]
      if (found === undefined || victim === undefined) return undefined
      const keep = found.copies.slice(1, 1 + kept).map(({ peer: id, boot }) => ({ peer: id, boot }))
      const { chunk: id, generation } = found
      return await store.trimCopy({ chunk: id, generation, peer: victim.peer, keep })
    }
)

export const read = operation(
  'read',
  fc.tuple(fc.array(chunkName, { maxLength: 4 }), fc.constantFrom(0, 50, 5000)),
  ([names, stepMs]): Step =>
    ({ now }) =>
    (store) =>
      store.noteReads(names.map(chunk), { now, windowMs: 1000, stepMs })
)

/** Only the last peer is ever retired, so that the others can go on. */
export const decide = operation(
  'decide',
  fc.constantFrom<[number, 'draining' | 'retired' | null]>(
    [1, 'draining'],
    [1, null],
    [3, 'draining'],
    [3, null],
    [3, 'retired']
  ),
  ([n, decision]): Step =>
    ({ now }) =>
    (store) =>
      store.decideNode(peer(n), decision, now)
)

export const forget = operation(
  'forget',
  fc.tuple(peerNumber, limit),
  ([n, most]): Step =>
    () =>
    (store) =>
      store.forgetNode(peer(n), most)
)

export const known = operation(
  'known',
  fc.shuffledSubarray(CHUNKS),
  (names): Step =>
    () =>
    (store) =>
      store.knownChunks(names.map(chunk))
)
