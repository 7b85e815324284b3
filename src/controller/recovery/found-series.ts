/** What the nodes keep of a lost controller's metadata, sorted: a pure function of their lists. */

import type { SnapshotName } from '../../interfaces.ts'
import type { PeerId } from '../../types.ts'
import { isLast } from '../snapshots/pieces.ts'

/** A piece, and the nodes that have it. */
export interface LocatedPiece {
  readonly name: SnapshotName
  readonly peers: readonly PeerId[]
}

export interface FoundSeries {
  readonly term: number
  readonly base: number
  /** In order, all of them. */
  readonly parts: readonly LocatedPiece[]
  /** Changes 1, 2, … without a gap, each with its pieces in order. */
  readonly changes: ReadonlyArray<readonly LocatedPiece[]>
  /** Whether something newer was once whole on nodes, and is no longer: what it said is not known. */
  readonly isBehind: boolean
}

export interface FoundSnapshots {
  /** Whole ones, the newest first. */
  readonly series: readonly FoundSeries[]
  readonly notes: readonly LocatedPiece[]
  /** Greatest term in any name; 0: there are none. */
  readonly term: number
}

export const compareBases = (
  a: { readonly term: number; readonly base: number },
  b: { readonly term: number; readonly base: number }
): number => a.term - b.term || a.base - b.base

export function sortSnapshots(lists: ReadonlyMap<PeerId, readonly SnapshotName[]>): FoundSnapshots {
  const pieces = locate(lists)
  const groups = new Map<string, LocatedPiece[]>()
  for (const piece of pieces.filter(({ name }) => name.kind !== 'note')) {
    const key = `${piece.name.term} ${piece.name.base}`
    groups.set(key, [...(groups.get(key) ?? []), piece])
  }
  const series: FoundSeries[] = []
  let isBehind = false
  for (const group of [...groups.values()].sort((a, b) => compareBases(nameOf(b), nameOf(a)))) {
    const { term, base } = nameOf(group)
    const parts = wholeOf(group.filter(({ name }) => name.kind === 'base'))
    const after = group.filter(({ name }) => name.kind === 'changes')
    if (parts === undefined) {
      // changes are shipped only after a whole base
      isBehind ||= after.length > 0
      continue
    }
    const changes = inSequence(after)
    const hasGap = after.some(({ name }) => name.sequence > changes.length + 1)
    series.push({ term, base, parts, changes, isBehind: isBehind || hasGap })
    isBehind = true // whoever takes an older one leaves this out
  }
  return {
    series,
    notes: pieces.filter(({ name }) => name.kind === 'note'),
    term: pieces.reduce((greatest, { name }) => Math.max(greatest, name.term), 0)
  }
}

const nameOf = (group: readonly LocatedPiece[]): { term: number; base: number } =>
  group[0]?.name ?? { term: 0, base: 0 }

function locate(lists: ReadonlyMap<PeerId, readonly SnapshotName[]>): LocatedPiece[] {
  const found = new Map<string, { name: SnapshotName; peers: PeerId[] }>()
  for (const [peer, names] of lists) {
    for (const name of names) {
      const key = [name.term, name.base, name.kind, name.sequence, name.part, name.parts].join(' ')
      const located = found.get(key)
      if (located === undefined) found.set(key, { name, peers: [peer] })
      else located.peers.push(peer)
    }
  }
  return [...found.values()]
}

/** The pieces of one stream in order, or undefined when one is missing. */
function wholeOf(pieces: readonly LocatedPiece[]): LocatedPiece[] | undefined {
  const byPart = pieces.toSorted((a, b) => a.name.part - b.name.part)
  const last = byPart.findIndex(({ name }) => isLast(name))
  const whole = byPart.slice(0, last + 1)
  return last >= 0 && whole.every(({ name }, index) => name.part === index) ? whole : undefined
}

function inSequence(pieces: readonly LocatedPiece[]): LocatedPiece[][] {
  const bySequence = new Map<number, LocatedPiece[]>()
  for (const piece of pieces) {
    const { sequence } = piece.name
    bySequence.set(sequence, [...(bySequence.get(sequence) ?? []), piece])
  }
  const changes: LocatedPiece[][] = []
  for (;;) {
    const whole = wholeOf(bySequence.get(changes.length + 1) ?? [])
    if (whole === undefined) return changes
    changes.push(whole)
  }
}
