/** Where a chunk goes: a pure function of the chunk and the members. Where it really is, the metadata records. */

import { hash } from 'node:crypto'
import { CHUNK_BYTES_MAX } from '../protocol/limits.ts'
import type { ChunkId, Member, PeerId, Tier } from '../types.ts'

export interface RankOptions {
  /** Size of the chunk; the largest possible when it is not given. */
  sizeBytes?: number
  exclude?: ReadonlySet<PeerId>
}

export interface PlaceOptions {
  /** How many places there are to give. */
  wanted: number
  /** Nodes of the other tier come last. */
  tier: Tier
  /** Nodes that hold the chunk, and how firmly: a smaller number is firmer. Among nodes that are equally good they are preferred, so that no byte moves without need. */
  held: ReadonlyMap<PeerId, number>
}

const NOBODY: ReadonlyMap<PeerId, number> = new Map()

/** Whether new chunks may go to this peer. */
export const isWritable = (member: Member, sizeBytes: number): boolean =>
  member.roles.includes('node') &&
  member.liveness === 'active' &&
  member.state === 'active' &&
  member.freeBytes >= sizeBytes &&
  member.freeBytes > 0

/**
 * Writable nodes for a chunk, best first. Weighted rendezvous hashing (Schindelhauer and Schomaker 2005): each node draws a number from
 * (chunk, node), scaled by its free space, so that a node which joins takes only its own share and moves nothing between others. On top of
 * that order each next place goes to the host, and then the zone, that was used least so far. The cold tier comes last, except that the
 * second place goes to another host whenever there is one: two copies on one machine are not durable.
 */
export function rankNodes(chunk: ChunkId, members: readonly Member[], options: RankOptions = {}): Member[] {
  const sizeBytes = options.sizeBytes ?? CHUNK_BYTES_MAX
  const candidates = members.filter(
    (member) => isWritable(member, sizeBytes) && options.exclude?.has(member.peer) !== true
  )
  return placeCopies(chunk, candidates, { wanted: candidates.length, tier: 'hot', held: NOBODY })
}

/**
 * The nodes on which the copies of a chunk should be, best first, by the rules of `rankNodes`; those that hold it already are preferred among equals. When its
 * answer has been carried out, it answers the same again.
 *
 * @param candidates who may hold it: holders, and nodes that take chunks
 */
export function placeCopies(chunk: ChunkId, candidates: readonly Member[], options: PlaceOptions): Member[] {
  const { wanted, tier, held } = options
  const left = [...candidates]
  const order = firmerFirst(chunk, held)
  const placed: Member[] = []
  const hosts = new Map<string, number>()
  const zones = new Map<string, number>()
  while (left.length > 0 && placed.length < wanted) {
    const keyOf = (member: Member): Key => {
      const host = hosts.get(member.host) ?? 0
      const other = member.tier === tier ? 0 : 1
      const zone = zones.get(member.zone) ?? 0
      return placed.length === 1 ? [host, other, zone] : [other, host, zone]
    }
    const [next] = left.splice(indexOfBest(left, keyOf, order), 1)
    if (next === undefined) break
    placed.push(next)
    hosts.set(next.host, (hosts.get(next.host) ?? 0) + 1)
    zones.set(next.zone, (zones.get(next.zone) ?? 0) + 1)
  }
  return placed
}

/** How well a place spreads the copies; smaller is better, the first number counts most. */
type Key = readonly [number, number, number]

/** Position of the candidate that spreads best, and comes first in `order` among those. */
function indexOfBest(
  candidates: readonly Member[],
  keyOf: (member: Member) => Key,
  order: (a: Member, b: Member) => number
): number {
  let best = 0
  let bestMember = candidates[0]
  let bestKey: Key = [Infinity, Infinity, Infinity]
  for (const [index, member] of candidates.entries()) {
    const key = keyOf(member)
    const spread = key[0] - bestKey[0] || key[1] - bestKey[1] || key[2] - bestKey[2]
    if (spread > 0 || (spread === 0 && bestMember !== undefined && order(member, bestMember) >= 0)) continue
    best = index
    bestMember = member
    bestKey = key
  }
  return best
}

/** Holders first, the firmest before others and the emptiest before fuller ones; then by the numbers drawn, which are computed only when they decide. */
function firmerFirst(chunk: ChunkId, held: ReadonlyMap<PeerId, number>): (a: Member, b: Member) => number {
  const scores = new Map<PeerId, number>()
  const score = (member: Member): number => {
    const known = scores.get(member.peer) ?? scoreOf(chunk, member)
    scores.set(member.peer, known)
    return known
  }
  return (a, b) => {
    const firmA = held.get(a.peer) ?? Infinity
    const firmB = held.get(b.peer) ?? Infinity
    if (firmA !== firmB) return firmA - firmB
    const order = firmA === Infinity ? score(b) - score(a) : b.freeBytes - a.freeBytes
    return order || (a.peer < b.peer ? -1 : 1)
  }
}

/** −weight ∕ ln(u) with u uniform in (0, 1): the greatest of them falls on a node in proportion to its weight. */
function scoreOf(chunk: ChunkId, member: Member): number {
  const digest = hash('sha256', `${chunk}/${member.peer}`, 'buffer')
  // 48 bits are all that readUIntBE takes, and enough; the half keeps u off 0 and 1
  const uniform = (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48
  return -member.freeBytes / Math.log(uniform)
}

/** On how many hosts a chunk must be: on one only if the whole membership, nodes that are down included, is that one host. */
export const hostsMinOf = (nodeHosts: ReadonlySet<string>): 1 | 2 => (nodeHosts.size <= 1 ? 1 : 2)
