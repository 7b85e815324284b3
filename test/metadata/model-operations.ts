/** Random operations on metadata, drawn from few uploads, chunks, secrets and peers so that they meet. */

import fc from 'fast-check'
import type { MetadataStore } from '../../src/metadata-store.ts'
import type { Generation, Term } from '../../src/types.ts'
import {
  CHUNK_BYTES,
  GRACE_MS,
  LEASE_MAX_MS,
  LEASE_MS,
  START,
  chunk,
  fileId,
  hash,
  node,
  peer,
  receipt,
  tokenOf,
  uploadId
} from '../conformance/metadata-fixture.ts'

export const NAMES = ['a', 'b', 'c']
export const CHUNKS = ['x', 'y', 'z']
export const SECRETS = ['me', 'you', 'they']
export const PEERS = [1, 2, 3]

/** What an operation may refer to: the moment, and the generations given out so far. */
export interface World {
  now: number
  generations: Map<string, Generation[]>
}

/** Decides its arguments at once; the call may then run on any store, and beside others. */
export type Step = (world: World) => (store: MetadataStore) => Promise<unknown>

const name = fc.constantFrom(...NAMES)
const chunkName = fc.constantFrom(...CHUNKS)
const secret = fc.constantFrom(...SECRETS)
const peerNumber = fc.constantFrom(...PEERS)
const limit = fc.constantFrom(1, 2, 3, 50)
const range = fc
  .record({ start: fc.nat(25), length: fc.integer({ min: 1, max: 25 }) })
  .map(({ start, length }) => ({ start, end: start + length }))

/** Mostly the newest generation of the chunk, at times an earlier or a made-up one. */
const generationOf = (world: World, of: string, back: number): Generation =>
  world.generations.get(of)?.at(-1 - back) ?? (1000 as Generation)

/** Steps with their arguments readable in a counterexample. */
const operation = <A>(label: string, args: fc.Arbitrary<A>, make: (args: A) => Step): fc.Arbitrary<Step> =>
  args.map((chosen) =>
    Object.assign(make(chosen), { [fc.toStringMethod]: () => `${label} ${fc.stringify(chosen)}` })
  )

const open = operation(
  'open',
  name,
  (each): Step =>
    ({ now }) =>
    (store) =>
      store.openUpload({
        id: uploadId(each),
        name: each,
        mediaType: 'text/plain',
        metadata: { each },
        openedAt: now,
        expiresAt: now + 500
      })
)

const reserve = operation(
  'reserve',
  fc.tuple(
    name,
    fc.constantFrom(-1, 0, 0, 1),
    chunkName,
    fc.constantFrom(CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, 7)
  ),
  ([each, index, of, sizeBytes]): Step =>
    ({ generations }) =>
    async (store) => {
      const request = { upload: uploadId(each), index, chunk: chunk(of), sizeBytes }
      const reservation = await store.reserveChunk(request)
      const known = generations.get(of) ?? []
      if (!known.includes(reservation.generation)) generations.set(of, [...known, reservation.generation])
      return reservation
    }
)

const receive = operation(
  'receive',
  fc.array(fc.tuple(peerNumber, chunkName, fc.constantFrom(0, 0, 0, 1, 9), fc.integer({ min: 1, max: 3 })), {
    minLength: 1,
    maxLength: 6
  }),
  (all): Step =>
    (world) => {
      const receipts = all.map(([n, of, back, boot]) =>
        receipt(n, chunk(of), generationOf(world, of, back), boot)
      )
      return (store) => store.recordReceipts(receipts)
    }
)

const commit = operation(
  'commit',
  fc.record({
    each: name,
    chunkCount: fc.constantFrom(1, 1, 2),
    downloads: fc.integer({ min: 1, max: 2 }),
    ttlMs: fc.constantFrom(100, 5000),
    copiesMin: fc.constantFrom(1, 1, 2),
    file: fc.option(name, { nil: undefined, freq: 10 })
  }),
  ({ each, chunkCount, downloads, ttlMs, copiesMin, file }): Step =>
    ({ now }) =>
    (store) =>
      store.commitUpload({
        upload: uploadId(each),
        file: fileId(file ?? each),
        sizeBytes: chunkCount * CHUNK_BYTES,
        sha256: hash(each),
        chunkCount,
        uploadedAt: now,
        link: {
          tokenHash: tokenOf(each),
          deleteHash: hash(`delete ${each}`),
          downloads,
          expiresAt: now + ttlMs
        },
        copiesMin,
        hostsMin: copiesMin
      })
)

const claim = operation(
  'claim',
  fc.tuple(name, secret),
  ([each, who]): Step =>
    ({ now }) =>
    (store) =>
      store.claimLink({ tokenHash: tokenOf(each), claimHash: hash(who), now, leaseMs: LEASE_MS })
)

const report = operation(
  'report',
  fc.tuple(name, secret, fc.array(range, { maxLength: 3 }), fc.nat(30), fc.nat(9)),
  ([each, who, ranges, bytesSent, id]): Step =>
    ({ now }) =>
    (store) =>
      store.reportClaim({
        tokenHash: tokenOf(each),
        claimHash: hash(who),
        ranges,
        bytesSent,
        now,
        leaseMs: LEASE_MS,
        leaseMaxMs: LEASE_MAX_MS,
        graceMs: GRACE_MS,
        reportId: `${id}`
      })
)

const release = operation(
  'release',
  fc.tuple(name, secret),
  ([each, who]): Step =>
    () =>
    (store) =>
      store.releaseClaim({ tokenHash: tokenOf(each), claimHash: hash(who) })
)

const revoke = operation(
  'revoke',
  fc.tuple(name, fc.boolean()),
  ([each, isRight]): Step =>
    ({ now }) =>
    (store) =>
      store.revokeLink({
        tokenHash: tokenOf(each),
        deleteHash: hash(isRight ? `delete ${each}` : 'wrong'),
        now
      })
)

const confirm = operation(
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

const drop = operation(
  'drop',
  fc.tuple(peerNumber, chunkName, fc.constantFrom(0, 1)),
  ([n, of, back]): Step =>
    (world) => {
      const lost = { peer: peer(n), chunk: chunk(of), generation: generationOf(world, of, back) }
      return (store) => store.dropCopy(lost)
    }
)

const record = operation(
  'record',
  fc.tuple(peerNumber, fc.nat(2), fc.nat(3)),
  ([n, boot, sequence]): Step =>
    () =>
    (store) =>
      store.recordNodes([node(n, { boot, sequence })])
)

const settle = operation(
  'settle',
  limit,
  (most): Step =>
    ({ now }) =>
    (store) =>
      store.settleLinks(now, most)
)
const condemn = operation(
  'condemn',
  limit,
  (most): Step =>
    () =>
    (store) =>
      store.condemnChunks(most)
)
const purge = operation(
  'purge',
  fc.tuple(limit, fc.constantFrom(0, 4000)),
  ([most, ago]): Step =>
    ({ now }) =>
    (store) =>
      store.purgeTombstones(now - ago, most)
)
const abandon = operation(
  'abandon',
  name,
  (each): Step =>
    () =>
    (store) =>
      store.abandonUpload(uploadId(each))
)
const lead = operation(
  'lead',
  fc.nat(5),
  (atLeast): Step =>
    () =>
    (store) =>
      store.advanceTerm(atLeast as Term)
)
const mark = fc.constant<Step>(
  ({ now }) =>
    (store) =>
      store.advanceTime(now)
)

/** Operations that change something; weights make whole lives of files likely. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: open },
  { weight: 16, arbitrary: reserve },
  { weight: 10, arbitrary: receive },
  { weight: 12, arbitrary: commit },
  { weight: 8, arbitrary: claim },
  { weight: 8, arbitrary: report },
  { weight: 3, arbitrary: release },
  { weight: 2, arbitrary: revoke },
  { weight: 3, arbitrary: abandon },
  { weight: 6, arbitrary: settle },
  { weight: 6, arbitrary: condemn },
  { weight: 4, arbitrary: drop },
  { weight: 2, arbitrary: purge },
  { weight: 1, arbitrary: record },
  { weight: 1, arbitrary: lead },
  { weight: 1, arbitrary: mark }
)

/** Ask before they write, so they run alone. */
export const lonelyStep: fc.Arbitrary<Step> = confirm

/** A whole upload, so that links and garbage have something to work on. */
export const wholeUpload: fc.Arbitrary<Step[]> = fc.tuple(name, chunkName).map(([each, of]) => {
  const pieces: Array<[number, string]> = [
    [-1, 'z'],
    [0, of]
  ]
  return [
    ({ now }) =>
      async (store) => {
        const details = { mediaType: 'a/b', metadata: {}, openedAt: now, expiresAt: now + 500 }
        await store.openUpload({ id: uploadId(each), name: each, ...details })
      },
    ...pieces.map(([index, content]): Step => () => async (store) => {
      const request = { upload: uploadId(each), index, chunk: chunk(content), sizeBytes: CHUNK_BYTES }
      const { generation } = await store.reserveChunk(request)
      await store.recordReceipts(PEERS.map((n) => receipt(n, chunk(content), generation)))
      return generation
    }),
    ({ now }) =>
      (store) =>
        store.commitUpload({
          upload: uploadId(each),
          file: fileId(each),
          sizeBytes: CHUNK_BYTES,
          sha256: hash(each),
          chunkCount: 1,
          uploadedAt: now,
          link: {
            tokenHash: tokenOf(each),
            deleteHash: hash(`delete ${each}`),
            downloads: 2,
            expiresAt: now + 3000
          },
          copiesMin: 2,
          hostsMin: 2
        })
  ]
})

/** Everything that can be asked, as one value. */
export async function observe(store: MetadataStore, now: number): Promise<unknown> {
  const links = await Promise.all(NAMES.map((each) => store.findLink(tokenOf(each))))
  const claims = await Promise.all(
    NAMES.flatMap((each) =>
      SECRETS.map((who) => store.findClaim({ tokenHash: tokenOf(each), claimHash: hash(who), now }))
    )
  )
  const files = await Promise.all(
    NAMES.map(async (each) => [
      await store.getFile(fileId(each)),
      await store.listFileChunks(fileId(each), 0, 10)
    ])
  )
  const orders = await Promise.all(PEERS.map((n) => store.listOrders(peer(n), 2)))
  return {
    links,
    claims,
    files,
    orders,
    orderPeers: await store.listOrderPeers(),
    owed: await store.listOwed(3, undefined, 2),
    owedNext: await store.listOwed(2, chunk('x'), 5),
    stale: await store.listStaleUploads(now, 2),
    nodes: await store.listNodes(),
    stats: [await store.stats(2), await store.stats(5)]
  }
}

export const newWorld = (): World => ({ now: START, generations: new Map() })
