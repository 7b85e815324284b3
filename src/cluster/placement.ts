/** Where a chunk goes: a pure function of the chunk and the members. Where it really is, the metadata records. */

import { hash } from 'node:crypto'
import { CHUNK_BYTES_MAX } from '../protocol/limits.ts'
import type { ChunkId, Member, PeerId } from '../types.ts'

export interface RankOptions {
  /** Size of the chunk; the largest possible when it is not given. */
  sizeBytes?: number
  exclude?: ReadonlySet<PeerId>
}

/** Whether new chunks may go to this peer. */
const isWritable = (member: Member, sizeBytes: number): boolean =>
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
  const candidates = members
    .filter((member) => isWritable(member, sizeBytes) && options.exclude?.has(member.peer) !== true)
    .map((member) => ({ member, score: scoreOf(chunk, member) }))
    .sort((a, b) => b.score - a.score || (a.member.peer < b.member.peer ? -1 : 1))
    .map(({ member }) => member)
  const ranked: Member[] = []
  const hosts = new Map<string, number>()
  const zones = new Map<string, number>()
  while (candidates.length > 0) {
    const best = indexOfBest(candidates, hosts, zones, ranked.length === 1)
    const [next] = candidates.splice(best, 1)
    if (next === undefined) break
    ranked.push(next)
    hosts.set(next.host, (hosts.get(next.host) ?? 0) + 1)
    zones.set(next.zone, (zones.get(next.zone) ?? 0) + 1)
  }
  return ranked
}

/** Position of the first candidate that spreads best; candidates are in order of score. */
function indexOfBest(
  candidates: readonly Member[],
  hosts: ReadonlyMap<string, number>,
  zones: ReadonlyMap<string, number>,
  hostBeforeTier: boolean
): number {
  const keyOf = (member: Member): readonly [number, number, number] => {
    const host = hosts.get(member.host) ?? 0
    const cold = member.tier === 'cold' ? 1 : 0
    const zone = zones.get(member.zone) ?? 0
    return hostBeforeTier ? [host, cold, zone] : [cold, host, zone]
  }
  let best = 0
  let bestKey: readonly [number, number, number] = [Infinity, Infinity, Infinity]
  for (const [index, member] of candidates.entries()) {
    const key = keyOf(member)
    const order = key[0] - bestKey[0] || key[1] - bestKey[1] || key[2] - bestKey[2]
    if (order < 0) {
      best = index
      bestKey = key
    }
  }
  return best
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
