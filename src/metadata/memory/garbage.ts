import type { DeleteOrder } from '../../metadata-store.ts'
import type { ChunkId, FileId, Generation, PeerId, SecretHash } from '../../types.ts'
import { leaseEnded } from '../claim-rules.ts'
import { endLink } from './links.ts'
import { dropCopy } from './repair.ts'
import { addOrder, byDigest, byText, dropPieces, forgetChunk } from './state.ts'
import type { Piece, State, UploadRow } from './state.ts'

/** Steps of settleLinks, in this order; each takes what the ones before left of the limit. */
const STEPS = [
  endClaims,
  expireLinks('live'),
  expireLinks('suspended'),
  deleteFiles,
  dropReferences,
  dropAbandoned
] as const

export function settleLinks(state: State, now: number, limit: number): number {
  let changed = 0
  for (const step of STEPS) changed += step(state, limit - changed, now)
  return changed
}

/** Leases and graces that are over are counted on their link, which is consumed when that was its last. */
function endClaims(state: State, limit: number, now: number): number {
  const over = [...state.links.values()]
    .flatMap((link) => [...link.claims.values()].map((claim) => ({ link, claim })))
    .filter(({ claim }) => !claim.ended && claim.leaseUntil <= now)
    .toSorted(
      ({ claim: a }, { claim: b }) =>
        a.leaseUntil - b.leaseUntil || byText(a.tokenHash, b.tokenHash) || byText(a.claimHash, b.claimHash)
    )
    .slice(0, limit)
  for (const { link, claim } of over) {
    Object.assign(claim, leaseEnded(claim), { ended: true })
    link.ended++
    if (link.record.state === 'live' && link.ended >= link.record.downloads)
      endLink(state, link, 'consumed', now)
  }
  return over.length
}

function expireLinks(is: 'live' | 'suspended') {
  return (state: State, limit: number, now: number): number => {
    const over = [...state.links.values()]
      .filter(
        ({ record, ended }) => record.state === is && record.expiresAt <= now && ended === record.claimed
      )
      .toSorted(
        ({ record: a }, { record: b }) => a.expiresAt - b.expiresAt || byText(a.tokenHash, b.tokenHash)
      )
      .slice(0, limit)
    for (const link of over) endLink(state, link, 'expired', now)
    return over.length
  }
}

function deleteFiles(state: State, limit: number): number {
  const over = [...state.files.values()]
    .filter((file) => file.record.state === 'live' && file.links === 0)
    .toSorted((a, b) => byText(a.record.id, b.record.id))
    .slice(0, limit)
  for (const file of over) file.record.state = 'deleted'
  return over.length
}

/** In pages too: a large file has a million pieces. */
function dropReferences(state: State, limit: number): number {
  let dropped = 0
  const deleted = [...state.files.values()]
    .filter((file) => file.record.state === 'deleted' && file.pieces.size > 0)
    .toSorted((a, b) => byText(a.record.id, b.record.id))
  for (const file of deleted) dropped += dropPage(state, file.pieces, limit - dropped)
  return dropped
}

/** What abandoning a large upload left. */
function dropAbandoned(state: State, limit: number): number {
  let dropped = 0
  const abandoned = [...state.uploads]
    .filter(([, upload]) => upload.state === 'abandoned' && upload.pieces.size > 0)
    .toSorted(([a], [b]) => byText(a, b))
  for (const [, upload] of abandoned) dropped += dropPage(state, upload.pieces, limit - dropped)
  return dropped
}

/** Drops the first pieces with their references; answers how many. */
export function dropPage(state: State, pieces: Map<number, Piece>, limit: number): number {
  const page = [...pieces].toSorted(([a], [b]) => a - b).slice(0, limit)
  dropPieces(
    state,
    page.map(([, piece]) => piece)
  )
  for (const [index] of page) pieces.delete(index)
  return page.length
}

export function condemnChunks(state: State, limit: number): number {
  const unreferenced = [...state.chunks]
    .filter(([, chunk]) => chunk.state === 'live' && chunk.refs === 0)
    .toSorted(([a], [b]) => byDigest(a, b))
    .slice(0, limit)
  for (const [id, chunk] of unreferenced) {
    chunk.state = 'condemned'
    for (const peer of chunk.copies.keys()) addOrder(state, peer, id, chunk.generation)
    forgetChunk(state, id)
  }
  return unreferenced.length
}

export function listOrders(state: State, peer: PeerId, limit: number): DeleteOrder[] {
  const orders = state.orders.get(peer) ?? new Map<ChunkId, Generation>()
  return [...orders]
    .toSorted(([a], [b]) => byDigest(a, b))
    .slice(0, limit)
    .map(([chunk, generation]) => ({ peer, chunk, generation }))
}

export const listOrderPeers = (state: State): PeerId[] =>
  [...state.orders].flatMap(([peer, orders]) => (orders.size > 0 ? [peer] : [])).toSorted(byText)

export function confirmOrders(state: State, orders: readonly DeleteOrder[]): void {
  for (const order of orders) {
    const standing = state.orders.get(order.peer)?.get(order.chunk)
    if (standing !== undefined && standing <= order.generation)
      state.orders.get(order.peer)?.delete(order.chunk)
    dropCopy(state, order)
  }
}

export function purgeTombstones(state: State, before: number, limit: number): number {
  let removed = 0
  const links = [...state.links]
    .flatMap(([token, link]) => (link.endedAt === undefined ? [] : [{ token, link, at: link.endedAt }]))
    .filter(({ link, at }) => at < before && mayGo(state, link.record.fileId))
    .toSorted((a, b) => a.at - b.at || byText(a.token, b.token))
  for (const { token, link } of links) {
    const claims = [...link.claims.keys()].toSorted(byText).slice(0, limit - removed)
    for (const claim of claims) link.claims.delete(claim)
    removed += claims.length
    if (removed >= limit) return removed
    removeLink(state, token)
    removed++
  }
  const uploads = [...state.uploads]
    .filter(([, upload]) => isOver(upload) && upload.endedAt < before)
    .toSorted(([idA, a], [idB, b]) => a.endedAt - b.endedAt || byText(idA, idB))
    .slice(0, limit - removed)
  for (const [id] of uploads) state.uploads.delete(id)
  return removed + uploads.length
}

/** Nothing points at it any more: a committed upload's pieces are the file's, an abandoned one's were dropped. */
const isOver = ({ state: is, pieces }: UploadRow): boolean =>
  is === 'committed' || (is === 'abandoned' && pieces.size === 0)

/** A file that other links or versions tell of needs this one no more. */
function mayGo(state: State, id: FileId): boolean {
  return isFileGone(state, id) || (state.files.get(id)?.linkRows ?? 0) > 1
}

function isFileGone(state: State, id: Parameters<State['files']['get']>[0]): boolean {
  const file = state.files.get(id)
  return file === undefined || (file.record.state === 'deleted' && file.pieces.size === 0)
}

function removeLink(state: State, token: SecretHash): void {
  const link = state.links.get(token)
  state.links.delete(token)
  if (link !== undefined) state.sent.delete(link.deleteHash)
  const entry = link?.share === undefined ? undefined : state.entries.get(link.share.entry)
  if (entry !== undefined) entry.shares--
  const file = link === undefined ? undefined : state.files.get(link.record.fileId)
  if (file === undefined) return
  file.linkRows--
  if (file.linkRows === 0 && isFileGone(state, file.record.id)) state.files.delete(file.record.id)
}
