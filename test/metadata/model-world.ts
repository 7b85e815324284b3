/** What random operations on metadata are drawn from: few uploads, chunks, secrets and peers, so that they meet. */

import fc from 'fast-check'
import type { MetadataStore } from '../../src/metadata-store.ts'
import type { Generation, SecretHash } from '../../src/types.ts'
import { digestOf } from '../../src/protocol/ids.ts'
import { START, chunk, fileId, hash, peer, tokenOf, uploadId } from '../conformance/metadata-fixture.ts'

export const NAMES = ['a', 'b', 'c', 'd', 'e']
export const CHUNKS = ['x', 'y', 'z']
export const SECRETS = ['me', 'you']
export const PEERS = [1, 2, 3]

/** What an operation may refer to: the moment, and the generations given out so far. */
export interface World {
  now: number
  generations: Map<string, Generation[]>
}

/** Decides its arguments at once; the call may then run on any store, and beside others. */
export type Step = (world: World) => (store: MetadataStore) => Promise<unknown>

export const name = fc.constantFrom(...NAMES)
export const chunkName = fc.constantFrom(...CHUNKS)
export const secret = fc.constantFrom(...SECRETS)
export const peerNumber = fc.constantFrom(...PEERS)
/** Few boots of nodes, so that old ones are met. */
export const bootOf = fc.constantFrom(1, 2, 3)
export const limit = fc.constantFrom(1, 2, 3, 50)
export const range = fc
  .record({ start: fc.nat(25), length: fc.integer({ min: 1, max: 25 }) })
  .map(({ start, length }) => ({ start, end: start + length }))

/** Notes a generation that was given out. */
export function remember({ generations }: World, of: string, given: Generation): void {
  const known = generations.get(of) ?? []
  if (!known.includes(given)) generations.set(of, [...known, given])
}

/** Mostly the newest generation of the chunk, at times an earlier or a made-up one. */
export const generationOf = (world: World, of: string, back: number): Generation =>
  world.generations.get(of)?.at(-1 - back) ?? (1000 as Generation)

/** Steps with their arguments readable in a counterexample. */
export const operation = <A>(
  label: string,
  args: fc.Arbitrary<A>,
  make: (args: A) => Step
): fc.Arbitrary<Step> =>
  args.map((chosen) =>
    Object.assign(make(chosen), { [fc.toStringMethod]: () => `${label} ${fc.stringify(chosen)}` })
  )

export const newWorld = (): World => ({ now: START, generations: new Map() })

/** A first page of one claim, and the page after it. */
async function listTwice(store: MetadataStore, deleteHash: SecretHash): Promise<unknown> {
  const first = await store.listClaims({ deleteHash, limit: 1 })
  return [first, await store.listClaims({ deleteHash, limit: 5, after: first[0] })]
}

/** Everything that can be asked, as one value. */
export async function observe(store: MetadataStore, now: number): Promise<unknown> {
  const links = await Promise.all(NAMES.map((each) => store.findLink(tokenOf(each))))
  const claims = await Promise.all(
    NAMES.flatMap((each) =>
      SECRETS.map((who) => store.findClaim({ tokenHash: tokenOf(each), claimHash: hash(who), now }))
    )
  )
  const sent = await Promise.all(NAMES.map((each) => store.findSentLink(hash(`delete ${each}`))))
  const listed = await Promise.all(NAMES.map((each) => listTwice(store, hash(`delete ${each}`))))
  const files = await Promise.all(
    NAMES.map(async (each) => [
      await store.getFile(fileId(each)),
      await store.listFileChunks(fileId(each), 0, 10)
    ])
  )
  const orders = await Promise.all(PEERS.map((n) => store.listOrders(peer(n), 2)))
  const boots = PEERS.map((n) => ({ peer: peer(n), boot: 1 }))
  const rule = { copiesMin: 2, hostsMin: 2, boots }
  const prefixes = CHUNKS.map((each) => digestOf(chunk(each))[0] ?? 0)
  return {
    copies: await Promise.all(PEERS.map((n) => store.listCopies(peer(n), undefined, 10))),
    sums: await Promise.all(
      PEERS.flatMap((n) => prefixes.map((prefix) => store.summarizeCopies(peer(n), prefix, prefix)))
    ),
    chunks: [await store.listChunks(undefined, 2), await store.listChunks(chunk('y'), 5)],
    found: await Promise.all(CHUNKS.map((each) => store.findChunk(chunk(each)))),
    uploads: await Promise.all(
      NAMES.map(async (each) => [
        await store.findUpload(uploadId(each), rule),
        await store.listUploadChunks(uploadId(each), 0, 2)
      ])
    ),
    lacking: await Promise.all(NAMES.map((each) => store.listLacking(uploadId(each), rule, 2))),
    suspended: [await store.listSuspended(undefined, 2), await store.listSuspended(tokenOf('a'), 9)],
    decisions: await store.listDecisions(),
    settings: await Promise.all(NAMES.map((each) => store.readSetting(each))),
    generation: await store.lastGeneration(),
    links,
    claims,
    sent,
    listed,
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
