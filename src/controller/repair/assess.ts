/** What a chunk needs, and what is done about it next. Pure. */

import { isWritable, placeCopies } from '../../cluster/placement.ts'
import type { Config } from '../../config.ts'
import type { CopyRecord, NodeBoot, PlacedChunkRecord } from '../../metadata-store.ts'
import type { ChunkId, Member, PeerId, Tier } from '../../types.ts'
import { enoughWithout } from './cluster-view.ts'
import type { ClusterView } from './cluster-view.ts'
import { desiredTier } from './desired-tier.ts'

/** In the order in which they get their turn. */
export const URGENCIES = ['last-copy', 'under', 'misplaced', 'surplus'] as const
/**
 * `last-copy`: at most one copy on nodes that live; `under`: fewer than wanted, nodes that may return included; `misplaced`: enough, but not on the right hosts, zones or tier,
 * or on a node that is being emptied; `surplus`: more than wanted, each of those that stay being sure.
 */
export type Urgency = (typeof URGENCIES)[number]

export type Action =
  /** Sources in order of preference; all of them are active. */
  | { readonly kind: 'copy'; readonly sources: readonly PeerId[]; readonly to: PeerId }
  /** `keep`: the copies that stay, all of them sure. */
  | { readonly kind: 'trim'; readonly peer: PeerId; readonly keep: readonly NodeBoot[] }

export interface Assessment {
  readonly urgency: Urgency | 'none'
  /** Copies that have to be made in all. */
  readonly missing: number
  /** Undefined when nothing is needed, or nothing can be done: nobody to read from, or nobody to write to. */
  readonly action: Action | undefined
}

export interface AssessPolicy {
  /** The store's time. */
  readonly now: number
  readonly cold: Config['cold']
}

export interface AssessOptions {
  /** Count on nothing but sure copies: somebody waits for them. */
  readonly urged?: boolean
  /** Not to be given anything now: it failed a moment ago. */
  readonly avoid?: ReadonlySet<PeerId>
}

/** How firmly a node holds a chunk: it said so in its present boot; in an earlier one, or it is silent for a moment; it is down. */
const SURE = 0
const UNSURE = 1
const WAITING = 2

interface Holder {
  readonly member: Member
  readonly firmness: number
  readonly draining: boolean
}

const NOTHING: Assessment = { urgency: 'none', missing: 0, action: undefined }

/** Copies that count, at the chunk's generation and on nodes that are not gone. */
function holdersOf(chunk: PlacedChunkRecord, view: ClusterView): Holder[] {
  return chunk.copies.flatMap((copy) => {
    const node = view.nodes.get(copy.peer)
    if (node === undefined || node.fate === 'gone' || copy.generation < chunk.generation) return []
    const { member, draining } = node
    const isSure = member.liveness === 'active' && member.boot === copy.boot
    return [{ member, draining, firmness: node.fate === 'waiting' ? WAITING : isSure ? SURE : UNSURE }]
  })
}

const isSure = (holder: Holder): boolean => holder.firmness === SURE

/** Spreads reading over the holders: chunk ids are uniform, and their last characters but one are all of the digest. */
const spread = (chunk: ChunkId, count: number): number =>
  count === 0 ? 0 : (chunk.codePointAt(chunk.length - 2) ?? 0) % count

/** Those that gave their receipt in their present life come first: the others most likely hold it still, but it is they who may turn out not to. */
function sourcesOf(chunk: ChunkId, holders: readonly Holder[]): PeerId[] {
  const readable = holders.filter(({ member }) => member.liveness === 'active')
  return [readable.filter(isSure), readable.filter((holder) => !isSure(holder))].flatMap((equals) => {
    const first = spread(chunk, equals.length)
    return [...equals.slice(first), ...equals.slice(0, first)].map(({ member }) => member.peer)
  })
}

/** Where the copies should be, those that count as held among them. */
function placesOf(
  chunk: PlacedChunkRecord,
  standing: readonly Holder[],
  tier: Tier,
  view: ClusterView,
  avoid: ReadonlySet<PeerId> | undefined
): Member[] {
  const staying = standing.filter((holder) => !holder.draining)
  const recorded = new Set(
    chunk.copies.filter((copy) => copy.generation >= chunk.generation).map((copy) => copy.peer)
  )
  const targets = view.targets.filter(
    (member) =>
      !recorded.has(member.peer) && avoid?.has(member.peer) !== true && isWritable(member, chunk.sizeBytes)
  )
  const holders = staying.map(({ member }) => member)
  return placeCopies(chunk.chunk, [...holders, ...targets], {
    wanted: view.wanted,
    tier,
    held: new Map(staying.map(({ member, firmness }) => [member.peer, firmness]))
  })
}

/** Most copies in one of the groups that `groupOf` makes, and how many groups there are. */
function spreadOver(
  members: readonly Member[],
  groupOf: (member: Member) => string
): { most: number; groups: number } {
  const counts = new Map<string, number>()
  for (const member of members) counts.set(groupOf(member), (counts.get(groupOf(member)) ?? 0) + 1)
  return { most: Math.max(...counts.values()), groups: counts.size }
}

/** Nearly all chunks nearly always: exactly the copies that are wanted, on as many hosts, in the right tier and spread over zones. No other placement is better. */
function isWellPlaced(holders: readonly Holder[], tier: Tier, view: ClusterView): boolean {
  if (holders.length !== view.wanted || holders.some((holder) => holder.draining)) return false
  const members = holders.map(({ member }) => member)
  if (members.some((member) => member.tier !== tier)) return false
  const zones = spreadOver(members, (member) => member.zone)
  return (
    spreadOver(members, (member) => member.host).most === 1 &&
    zones.groups === Math.min(view.wanted, view.zones) &&
    zones.most <= Math.ceil(view.wanted / view.zones)
  )
}

/** Which copy goes first when there are too many: of a node that is being emptied, then of the other tier, then one of two on a host, then of the fullest node. */
function victimOf(extra: readonly Holder[], places: readonly Member[]): Holder | undefined {
  const tiers = new Set(places.map((member) => member.tier))
  const hosts = new Set(places.map((member) => member.host))
  const keyOf = ({ member, draining }: Holder): number[] => [
    draining ? 0 : 1,
    tiers.has(member.tier) ? 1 : 0,
    hosts.has(member.host) ? 0 : 1,
    member.freeBytes
  ]
  const byKey = (a: Holder, b: Holder): number => {
    const other = keyOf(b)
    const order = keyOf(a)
      .map((part, index) => part - (other[index] ?? 0))
      .find((difference) => difference !== 0)
    return order ?? (a.member.peer < b.member.peer ? -1 : 1)
  }
  return extra.toSorted(byKey)[0]
}

/** Machines without which nothing is removed, where there are so many: one may be lost at any time. */
const HOSTS_MIN = 2

const hostsOf = (members: readonly Member[]): number => new Set(members.map(({ host }) => host)).size

/** A copy that is too many, if there is one and every copy that stays is sure. */
function trimOf(
  holders: readonly Holder[],
  places: readonly Member[],
  view: ClusterView
): Action | undefined {
  if (places.length === 0 || places.length < view.kept) return undefined
  const sure = new Map(holders.filter(isSure).map((holder) => [holder.member.peer, holder]))
  if (!places.every((member) => sure.has(member.peer))) return undefined
  // where the machines left are too few, one copy too many is kept rather than all on one machine
  if (hostsOf(places) < Math.min(HOSTS_MIN, hostsOf(holders.map(({ member }) => member)))) return undefined
  const staying = new Set(places.map((member) => member.peer))
  const victim = victimOf(
    [...sure.values()].filter(({ member }) => !staying.has(member.peer)),
    places
  )
  if (victim === undefined) return undefined
  const keep = places.map(({ peer, boot }) => ({ peer, boot }))
  return { kind: 'trim', peer: victim.member.peer, keep }
}

/**
 * Copies come before trims: something is trimmed only when all that should be there is, and is sure. Carrying out the action and asking again ends at
 * `none`, or where nothing can be done.
 */
export function assess(
  chunk: PlacedChunkRecord,
  view: ClusterView,
  policy: AssessPolicy,
  options: AssessOptions = {}
): Assessment {
  // nobody ever said that it is stored: its upload is under way, or was cut off
  if (!chunk.copies.some((copy) => copy.generation >= chunk.generation)) return NOTHING
  const holders = holdersOf(chunk, view)
  const alive = holders.filter(({ firmness }) =>
    options.urged === true ? firmness === SURE : firmness < WAITING
  )
  const isLast = alive.length === 0 || (alive.length === 1 && view.wanted > 1)
  const standing = isLast ? alive : holders
  const staying = standing.filter((holder) => !holder.draining).map(({ member }) => member)
  const tier = desiredTier(chunk, staying, view, policy)
  if (!isLast && isWellPlaced(holders, tier, view)) return NOTHING
  const places = placesOf(chunk, standing, tier, view, options.avoid)
  const held = new Set(standing.map(({ member }) => member.peer))
  const to = places.find((member) => !held.has(member.peer))
  const sources = sourcesOf(chunk.chunk, holders)
  const action: Action | undefined =
    to === undefined || sources.length === 0 ? undefined : { kind: 'copy', sources, to: to.peer }
  const isLacking = standing.length < view.wanted
  const missing = Math.max(
    view.wanted - standing.length,
    places.filter((member) => !held.has(member.peer)).length
  )
  if (isLast || isLacking) return { urgency: isLast ? 'last-copy' : 'under', missing, action }
  if (to !== undefined) return { urgency: 'misplaced', missing, action }
  const trim = trimOf(holders, places, view)
  return trim === undefined ? NOTHING : { urgency: 'surplus', missing: 0, action: trim }
}

/** What a node means to a chunk that it holds. */
export interface Need {
  readonly peer: PeerId
  /** Without it there would be too few sure copies on nodes that stay, or all of them on one machine. */
  readonly needed: boolean
  /** No other node that lives, or may return, holds it. */
  readonly last: boolean
}

export interface Standing {
  /** Sure copies on nodes that stay. */
  readonly sure: number
  /** A node that lives has not been asked yet, since it started again, whether it still holds its copy, or is silent for a moment. */
  readonly unsettled: boolean
  /** For each holder that is being emptied, or is away. */
  readonly needs: readonly Need[]
}

/** How a chunk stands with regard to nodes that leave. */
export function standingOf(chunk: PlacedChunkRecord, view: ClusterView): Standing {
  const holders = holdersOf(chunk, view)
  const staying = holders.filter((holder) => isSure(holder) && !holder.draining).map(({ member }) => member)
  const hosts = hostsOf(staying)
  const isSpreadBy = (member: Member | undefined): boolean =>
    member !== undefined && hosts < HOSTS_MIN && hostsOf([...staying, member]) > hosts
  const isLeaving = (copy: CopyRecord): boolean => {
    const node = view.nodes.get(copy.peer)
    return node !== undefined && (node.draining || node.fate !== 'alive')
  }
  const needs = chunk.copies
    .filter((copy) => copy.generation >= chunk.generation && isLeaving(copy))
    .map(({ peer }) => ({
      peer,
      // one that leaves is not among those that stay
      needed: staying.length < enoughWithout(peer, view) || isSpreadBy(view.nodes.get(peer)?.member),
      last: holders.every(({ member }) => member.peer === peer)
    }))
  const unsettled = holders.some(({ firmness }) => firmness === UNSURE)
  return { sure: staying.length, unsettled, needs }
}
