import fc from 'fast-check'
import { digestOf } from '../../src/protocol/ids.ts'
import type { Generation } from '../../src/types.ts'
import { chunk, peer } from '../conformance/metadata-fixture.ts'
import { CHUNKS, bootOf, chunkName, generationOf, limit, operation, peerNumber } from './model-world.ts'
import type { Step, World } from './model-world.ts'

/** Beside those of files one that no file has ever had. */
const HELD = [...CHUNKS, 'stray']

type Named = [name: string, back: number]
const held: fc.Arbitrary<Named[]> = fc
  .shuffledSubarray(HELD)
  .chain((names) =>
    fc.tuple(...names.map((each) => fc.tuple(fc.constant(each), fc.constantFrom(0, 0, 0, 1, 2, 9))))
  )

const heldOf = (world: World, names: readonly Named[]) =>
  names.map(([of, back]) => ({
    chunk: chunk(of),
    // the first generation was always given out
    generation: of === 'stray' ? ((1 + back) as Generation) : generationOf(world, of, back)
  }))

/** Numbers of inventories are the store's time, and each begins at another. */
const numberOf = ({ now }: World, n: number): number => now * 10 + n

export const reconcile = operation(
  'reconcile',
  fc.tuple(peerNumber, bootOf, held, fc.constantFrom(0, 0, 1)),
  ([n, boot, names, number]): Step =>
    (world) => {
      const request = { peer: peer(n), host: `host-${n}`, boot, inventory: numberOf(world, number) }
      // as the world is now: what runs at the same time may give out generations meanwhile, to one store before the other
      const held = heldOf(world, names)
      return (store) => store.reconcileHeld({ ...request, held })
    }
)

export const countUnknown = operation(
  'countUnknown',
  fc.tuple(peerNumber, fc.constantFrom(0, 0, 1), fc.constantFrom(0, 3000)),
  ([n, number, agoMs]): Step =>
    (world) =>
    (store) =>
      store.countUnknown({
        peer: peer(n),
        inventory: numberOf(world, number),
        seenBefore: (world.now - agoMs) * 10
      })
)

export const orderUnknown = operation(
  'orderUnknown',
  fc.tuple(peerNumber, fc.constantFrom(0, 0, 1), limit),
  ([n, number, most]): Step =>
    (world) => {
      const inventory = numberOf(world, number)
      return (store) => store.orderUnknown({ peer: peer(n), inventory, seenBefore: inventory, limit: most })
    }
)

export const orderStale = operation(
  'orderStale',
  fc.tuple(peerNumber, held),
  ([n, names]): Step =>
    (world) => {
      const chunks = heldOf(world, names)
      return (store) => store.orderStale(peer(n), chunks)
    }
)

/** Asks before it writes, so it runs alone. */
export const confirmCopies = operation(
  'confirmCopies',
  fc.tuple(peerNumber, chunkName, bootOf, fc.constantFrom(0, 0, 0, 1)),
  ([n, of, boot, off]): Step =>
    () =>
    async (store) => {
      const prefix = digestOf(chunk(of))[0] ?? 0
      // the digest of another peer is a wrong one most of the time
      const [summary] = await store.summarizeCopies(peer(n + off), prefix, prefix)
      const digest = summary?.digest ?? ''
      // a disk that is moved now and then
      return await store.confirmCopies({ peer: peer(n), host: `host-${n + off}`, boot, prefix, digest })
    }
)

/** Two inventories that see the same, and what comes of it. */
export const wholeInventory: fc.Arbitrary<Step[]> = fc
  .tuple(peerNumber, bootOf, held, limit)
  .map(([n, boot, names, most]) =>
    [0, 1].flatMap((number): Step[] => [
      (world) => {
        const request = { peer: peer(n), host: `host-${n}`, boot, inventory: numberOf(world, number) }
        return (store) => store.reconcileHeld({ ...request, held: heldOf(world, names) })
      },
      (world) => {
        const request = { peer: peer(n), inventory: numberOf(world, number), seenBefore: numberOf(world, 1) }
        return async (store) => [
          await store.countUnknown(request),
          await store.orderUnknown({ ...request, limit: most })
        ]
      }
    ])
  )
