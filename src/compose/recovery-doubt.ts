/** Whether what the nodes tell is all that the lost controller had them remember. Pure. */

import type { FoundNode } from '../controller/recovery/nodes.ts'
import { hasOtherHosts } from '../controller/snapshots/holders.ts'
import { nextTermBlock } from '../controller/recovery/renewal.ts'
import type { NodeRecord } from '../metadata-store.ts'
import type { PeerId, Term } from '../types.ts'
import type { DraftSource } from './recover-source.ts'

/** A snapshot that ends so long before the controller fell silent is not its last word, however well it can be read. */
const STALE_MS_MIN = 60_000
const STALE_INTERVALS = 10
/** A node that was last seen so long before the snapshot was taken was asked to remember nothing since. */
const GONE_MS = 600_000

export interface Findings {
  readonly nodes: readonly FoundNode[]
  /** Nodes that are there and do not tell what they keep. */
  readonly silent: readonly PeerId[]
  readonly source: DraftSource
  readonly absent: Absent
}

/** What the snapshot has on record. */
export interface SnapshotRecords {
  readonly nodes: readonly NodeRecord[]
  readonly retired: ReadonlySet<PeerId>
  /** Machine of the lost controller; null: not known. */
  readonly host: string | null
  /** When it was taken, ms. */
  readonly takenAt: number
}

/** Recorded nodes that were there when the snapshot was taken, were not retired, and were not found. */
export interface Absent {
  readonly all: readonly PeerId[]
  /** Those of them that may know of a redemption which no other node knows of. */
  readonly witnesses: readonly PeerId[]
}

/**
 * Whether a controller led after this term, perhaps elsewhere: it has left something, or a node has heard of it. Nodes may also have heard of a recovery that never
 * ended, whose terms are far above.
 */
export const isFollowed = (
  term: number,
  { shipped, nodes }: { readonly shipped: number; readonly nodes: ReadonlyArray<Pick<FoundNode, 'term'>> }
): boolean =>
  shipped > term || nodes.some((node) => node.term > term && node.term < nextTermBlock(term as Term))

/** Nodes on the lost controller's own machine are lost with it, and what they remember counted for nothing, unless there were no others. */
export function absentNodes(
  { nodes, retired, host, takenAt }: SnapshotRecords,
  found: readonly FoundNode[]
): Absent {
  const heard = new Set(found.map(({ peer }) => peer))
  const there = nodes.filter(({ peer, lastSeenAt }) => !retired.has(peer) && lastSeenAt > takenAt - GONE_MS)
  const absent = there.filter(({ peer }) => !heard.has(peer))
  const isShared = !hasOtherHosts(new Set(there.map((node) => node.host)), host ?? undefined)
  const witnesses = absent.filter((node) => isShared || node.host !== host)
  return { all: absent.map(({ peer }) => peer), witnesses: witnesses.map(({ peer }) => peer) }
}

/**
 * Why the links of the snapshot cannot be trusted although it could be read; null: they can. A redemption may be known to any two nodes of other machines than the
 * controller's. That the others heard the controller for as long as they did says nothing: it may have been cut off from them, and gone on with those that are absent now.
 */
export function doubtOf(
  { nodes, silent, source, absent }: Findings,
  { now, intervalMs }: { now: number; intervalMs: number }
): string | null {
  if (silent.length > 0)
    return `the node ${silent.join(', ')} does not tell what it keeps, which may be newer than what the others do.`
  if (source.applied === undefined) return null // the source has said why
  if (absent.witnesses.length > 0)
    return `the node ${absent.witnesses.join(', ')} was there when the snapshot was taken and was not found, and may know of redemptions that no other node does.`
  const silenceMs = Math.min(...nodes.map((node) => node.controllerHeardMsAgo ?? Infinity))
  if (silenceMs === Infinity) return null
  const missingMs = now - silenceMs - source.takenAt
  if (missingMs <= Math.max(STALE_MS_MIN, STALE_INTERVALS * intervalMs)) return null
  return `the newest snapshot is ${Math.round(missingMs / 1000)} s older than the last sign of life of the lost controller.`
}
