import type { CopyRecord, CopySummary, HeldChunk, HeldOutcome, MetadataStore } from '../../metadata-store.ts'
import { InventoryDigest } from '../../protocol/inventory.ts'
import type { ChunkId, PeerId } from '../../types.ts'
import { UNSEEN_FORGOTTEN_MAX } from '../limits.ts'
import { addOrder, byDigest, digestFrom, isRetired } from './state.ts'
import type { State, UnknownRow } from './state.ts'

type Request<Name extends 'confirmCopies' | 'reconcileHeld' | 'countUnknown' | 'orderUnknown'> = Parameters<
  MetadataStore[Name]
>[0]

interface Recorded {
  chunk: ChunkId
  copy: CopyRecord
}

/** In order of digests, those whose first byte is from `first` to `last`. */
function recordedFor(state: State, peer: PeerId, first = 0, last = 0xff): Recorded[] {
  const found: Recorded[] = []
  for (const [chunk, { copies }] of state.chunks) {
    const copy = copies.get(peer)
    const prefix = digestFrom(chunk)[0] ?? 0
    if (copy !== undefined && prefix >= first && prefix <= last) found.push({ chunk, copy })
  }
  return found.sort((a, b) => byDigest(a.chunk, b.chunk))
}

export function summarizeCopies(state: State, peer: PeerId, first: number, last: number): CopySummary[] {
  const digests = Array.from({ length: Math.max(0, last - first + 1) }, () => new InventoryDigest())
  for (const { chunk, copy } of recordedFor(state, peer, first, last)) {
    const digest = digestFrom(chunk)
    digests[(digest[0] ?? 0) - first]?.add(digest, copy.generation)
  }
  return digests.map((each) => each.summary())
}

export function confirmCopies(
  state: State,
  { peer, host, boot, prefix, digest }: Request<'confirmCopies'>
): boolean {
  if (summarizeCopies(state, peer, prefix, prefix)[0]?.digest !== digest) return false
  for (const { copy } of recordedFor(state, peer, prefix, prefix)) {
    if (copy.boot < boot) Object.assign(copy, { host, boot })
  }
  return true
}

export const listCopies = (
  state: State,
  peer: PeerId,
  after: ChunkId | undefined,
  limit: number
): Array<HeldChunk & { boot: number }> =>
  recordedFor(state, peer)
    .filter(({ chunk }) => after === undefined || byDigest(chunk, after) > 0)
    .slice(0, limit)
    .map(({ chunk, copy: { generation, boot } }) => ({ chunk, generation, boot }))

export const reconcileHeld = (state: State, request: Request<'reconcileHeld'>): HeldOutcome[] =>
  request.held.map((held) => reconcile(state, request, held))

function reconcile(
  state: State,
  { peer, host, boot, inventory }: Request<'reconcileHeld'>,
  { chunk: id, generation }: HeldChunk
): HeldOutcome {
  if (isRetired(state, peer) || generation > state.generation) return 'foreign'
  const chunk = state.chunks.get(id)
  if (chunk?.state === 'live') {
    if (generation < chunk.generation) return 'stale'
    const copy = chunk.copies.get(peer)
    const isOlder = copy?.generation === chunk.generation && copy.boot > boot
    if (!isOlder) chunk.copies.set(peer, { peer, host, generation: chunk.generation, boot })
    return 'recorded'
  }
  if (generation < 1) return 'foreign' // stored through the Blockstore view, not by a cluster
  if ((state.orders.get(peer)?.get(id) ?? 0) < generation) note(state, peer, id, { generation, inventory })
  return 'unknown'
}

function note(
  state: State,
  peer: PeerId,
  id: ChunkId,
  { generation, inventory }: { generation: UnknownRow['generation']; inventory: number }
): void {
  const rows = state.unknown.get(peer) ?? new Map<ChunkId, UnknownRow>()
  state.unknown.set(peer, rows)
  const known = rows.get(id)
  const firstSeen = known?.generation === generation ? known.firstSeen : inventory
  rows.set(id, { generation, firstSeen, lastSeen: inventory })
}

const isRipe = (
  row: UnknownRow,
  { inventory, seenBefore }: { inventory: number; seenBefore: number }
): boolean => row.lastSeen === inventory && row.firstSeen < inventory && row.firstSeen < seenBefore

export function countUnknown(
  state: State,
  request: Request<'countUnknown'>
): { total: number; ripe: number } {
  const rows = state.unknown.get(request.peer) ?? new Map<ChunkId, UnknownRow>()
  const unseen = [...rows].filter(([, row]) => row.lastSeen < request.inventory)
  for (const [id] of unseen.toSorted(([a], [b]) => byDigest(a, b)).slice(0, UNSEEN_FORGOTTEN_MAX))
    rows.delete(id)
  const seen = [...rows.values()].filter((row) => row.lastSeen === request.inventory)
  return { total: seen.length, ripe: seen.filter((row) => isRipe(row, request)).length }
}

export function orderUnknown(state: State, request: Request<'orderUnknown'>): number {
  const { peer } = request
  const rows = state.unknown.get(peer) ?? new Map<ChunkId, UnknownRow>()
  const ripe = [...rows]
    .filter(([, row]) => isRipe(row, request))
    .toSorted(([idA, a], [idB, b]) => a.firstSeen - b.firstSeen || byDigest(idA, idB))
    .slice(0, request.limit)
  for (const [id, { generation }] of ripe) {
    rows.delete(id)
    if (state.chunks.get(id)?.state !== 'live' && !isRetired(state, peer))
      addOrder(state, peer, id, generation)
  }
  return ripe.length
}

export function orderStale(state: State, peer: PeerId, held: readonly HeldChunk[]): void {
  if (isRetired(state, peer)) return
  for (const { chunk: id, generation } of held) {
    const chunk = state.chunks.get(id)
    if (chunk?.state === 'live' && generation < chunk.generation) addOrder(state, peer, id, generation)
  }
}
