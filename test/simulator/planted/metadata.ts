/** Mistakes of a metadata store, around a real one. */

import type { Claim, DeleteOrder, MetadataStore } from '../../../src/metadata-store.ts'
import { sleep } from '../../../src/runtime/deadline.ts'
import type { ChunkId, Generation, PeerId, Term, UploadId } from '../../../src/types.ts'
import type { SimProcess } from '../sim-process.ts'
import { withOperations } from './with-operations.ts'

/** Looks whether a slot is free, and takes it some time later without looking again. */
export const getThenDelete = (store: MetadataStore, process: SimProcess): MetadataStore =>
  withOperations(store, {
    async claimLink(request): Promise<Claim> {
      const found = await store.findLink(request.tokenHash)
      await sleep(process.clock, process.chance.between(0, 300))
      const answer = await store.claimLink(request)
      if (answer.outcome !== 'used' || found === undefined) return answer
      if (found.link.claimed >= found.link.downloads) return answer
      const { claimHash, tokenHash, now, leaseMs } = request
      const claim = {
        claimHash,
        tokenHash,
        state: 'claimed' as const,
        claimedAt: now,
        leaseUntil: now + leaseMs,
        bytesSent: 0,
        covered: [],
        consumedAt: null
      }
      return { outcome: 'claimed', claim, file: found.file }
    }
  })

/** Does not know a claim again. */
export function forgetClaims(store: MetadataStore): MetadataStore {
  const seen = new Set<string>()
  return withOperations(store, {
    async claimLink(request): Promise<Claim> {
      const answer = await store.claimLink(request)
      if (answer.outcome === 'claimed' && seen.has(request.claimHash)) return { outcome: 'used' }
      seen.add(request.claimHash)
      return answer
    }
  })
}

/** Two copies are one that was counted twice. */
export const countReceiptsTwice = (store: MetadataStore): MetadataStore =>
  withOperations(store, {
    commitUpload: (commit) => store.commitUpload({ ...commit, copiesMin: 1, hostsMin: 1 })
  })

/** A controller that takes over leads in the term of the one before. */
export const keepTerm = (store: MetadataStore): MetadataStore =>
  withOperations(store, {
    async advanceTerm(): Promise<Term> {
      await store.raiseCounters({ term: 1 as Term, generation: 0 as Generation })
      return 1 as Term
    }
  })

/** Nothing ever lacks copies. */
export const neverRepair = (store: MetadataStore): MetadataStore =>
  withOperations(store, {
    listOwed: async () => [],
    listChunks: async () => [],
    listLacking: async () => []
  })

/** Nobody who looks at all chunks, for what has to be copied, sees one. */
export const seeNoChunks = (store: MetadataStore): MetadataStore =>
  withOperations(store, { listChunks: async () => [] })

/** Every manifest is one of a file that is known. */
export const knowEverything = (store: MetadataStore): MetadataStore =>
  withOperations(store, { knownChunks: async (chunks) => [...chunks] })

/** One link in doubt makes all of them so. */
export const suspendAll = (store: MetadataStore): MetadataStore =>
  withOperations(store, {
    suspendLinks: (tokenHashes, limit) =>
      tokenHashes !== undefined && tokenHashes.length === 0
        ? store.suspendLinks([], limit)
        : store.suspendLinks(undefined, limit)
  })

/** When an upload or a link ends, its chunks go, whoever else refers to them. */
export function condemnReferenced(store: MetadataStore): MetadataStore {
  const uploads = new Map<ChunkId, Set<UploadId>>()
  const orders = new Map<PeerId, DeleteOrder[]>()
  let ended = false
  const condemnShared = async (): Promise<void> => {
    for (const { chunk, generation, copies } of await store.listOwed(64, undefined, 1000)) {
      if ((uploads.get(chunk)?.size ?? 0) < 2) continue
      for (const { peer } of copies) {
        const own = orders.get(peer) ?? []
        orders.set(peer, own)
        if (!own.some((order) => order.chunk === chunk)) own.push({ peer, chunk, generation })
      }
    }
  }
  return withOperations(store, {
    async reserveChunk(reservation) {
      const known = uploads.get(reservation.chunk) ?? new Set()
      uploads.set(reservation.chunk, known.add(reservation.upload))
      return await store.reserveChunk(reservation)
    },
    async settleLinks(now, limit) {
      const settled = await store.settleLinks(now, limit)
      ended ||= settled > 0
      return settled
    },
    async condemnChunks(limit) {
      if (ended) await condemnShared()
      ended = false
      return await store.condemnChunks(limit)
    },
    listOrderPeers: async () => [...new Set([...(await store.listOrderPeers()), ...orders.keys()])],
    listOrders: async (peer, limit) =>
      [...(await store.listOrders(peer, limit)), ...(orders.get(peer) ?? [])].slice(0, limit),
    async confirmOrders(confirmed) {
      for (const { peer } of confirmed) orders.delete(peer)
      await store.confirmOrders(confirmed)
    }
  })
}
