/** Whether what the nodes tell is all that the lost controller had them remember. Pure. */

import type { FoundNode } from '../controller/recovery/nodes.ts'
import { SAFE_COPIES } from '../controller/snapshots/note-placement.ts'
import type { NodeRecord } from '../metadata-store.ts'
import type { PeerId } from '../types.ts'
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
  /** Recorded nodes that may have been told something, and were not found. */
  readonly absent: readonly PeerId[]
}

/** Nodes on record that were not found, were not retired, and were there when the snapshot was taken. */
export function absentWitnesses(
  recorded: readonly NodeRecord[],
  retired: ReadonlySet<PeerId>,
  found: readonly FoundNode[],
  takenAt: number
): PeerId[] {
  const heard = new Set(found.map(({ peer }) => peer))
  return recorded
    .filter(
      ({ peer, lastSeenAt }) => !heard.has(peer) && !retired.has(peer) && lastSeenAt > takenAt - GONE_MS
    )
    .map(({ peer }) => peer)
}

/**
 * Why the links of the snapshot cannot be trusted although it could be read; null: they can. What a link's redemption depends on is on two nodes of other machines than the
 * controller's, so that one node may be absent if others were there all the time: had it been the only one, they would not have heard the controller to its end.
 */
export function doubtOf(
  { nodes, silent, source, absent }: Findings,
  { now, intervalMs }: { now: number; intervalMs: number }
): string | null {
  if (silent.length > 0)
    return `the node ${silent.join(', ')} does not tell what it keeps, which may be newer than what the others do.`
  if (source.applied === undefined) return null // the source has said why
  if (absent.length >= SAFE_COPIES)
    return `${absent.length} nodes that were there when the snapshot was taken were not found, and may know of redemptions that no other node does.`
  const witnesses = nodes.filter(({ controllerHeardMsAgo }) => controllerHeardMsAgo !== null)
  // one machine may be the controller's own, whose node is told last
  if (absent.length > 0 && new Set(witnesses.map(({ host }) => host)).size < 2)
    return `the node ${absent.join(', ')} was not found, and too few others have been there all the time to know what it may know.`
  const silenceMs = Math.min(...witnesses.map((node) => node.controllerHeardMsAgo ?? Infinity))
  if (silenceMs === Infinity) return null
  const missingMs = now - silenceMs - source.takenAt
  if (missingMs <= Math.max(STALE_MS_MIN, STALE_INTERVALS * intervalMs)) return null
  return `the newest snapshot is ${Math.round(missingMs / 1000)} s older than the last sign of life of the lost controller.`
}
