import fc from 'fast-check'
import type { Generation, Term } from '../../src/types.ts'
import { chunk, node, peer } from '../conformance/metadata-fixture.ts'
import { bootOf, chunkName, generationOf, limit, operation, peerNumber } from './model-world.ts'
import type { Step } from './model-world.ts'

export const settle = operation(
  'settle',
  limit,
  (most): Step =>
    ({ now }) =>
    (store) =>
      store.settleLinks(now, most)
)

export const condemn = operation(
  'condemn',
  limit,
  (most): Step =>
    () =>
    (store) =>
      store.condemnChunks(most)
)

export const purge = operation(
  'purge',
  fc.tuple(limit, fc.constantFrom(0, 4000)),
  ([most, ago]): Step =>
    ({ now }) =>
    (store) =>
      store.purgeTombstones(now - ago, most)
)

export const confirm = operation(
  'confirm',
  fc.tuple(peerNumber, chunkName, fc.constantFrom(0, 1, 2)),
  ([n, of, back]): Step =>
    (world) => {
      const generation = generationOf(world, of, back)
      return async (store) => {
        // a node confirms only what it was ordered to delete
        const orders = await store.listOrders(peer(n), 50)
        const mine = orders.filter((order) => order.chunk === chunk(of))
        await store.confirmOrders(
          mine.map((order) => ({
            ...order,
            generation: Math.min(order.generation, generation) as Generation
          }))
        )
      }
    }
)

export const drop = operation(
  'drop',
  fc.tuple(peerNumber, chunkName, fc.constantFrom(0, 1), fc.option(bootOf)),
  ([n, of, back, boot]): Step =>
    (world) => {
      const lost = { peer: peer(n), chunk: chunk(of), generation: generationOf(world, of, back) }
      return (store) => store.dropCopy(boot === null ? lost : { ...lost, boot })
    }
)

export const record = operation(
  'record',
  fc.tuple(peerNumber, fc.nat(2), fc.nat(3)),
  ([n, boot, sequence]): Step =>
    () =>
    (store) =>
      store.recordNodes([node(n, { boot, sequence })])
)

export const lead = operation(
  'lead',
  fc.nat(5),
  (atLeast): Step =>
    () =>
    (store) =>
      store.advanceTerm(atLeast as Term)
)

export const mark = fc.constant<Step>(
  ({ now }) =>
    (store) =>
      store.advanceTime(now)
)
