/** Order and sense of the names of snapshot pieces (interfaces.ts SnapshotName). */

import { PeerbinError } from '../errors.ts'
import type { SnapshotName } from '../interfaces.ts'
import { SNAPSHOT_PARTS_MAX } from './limits.ts'

/** Kinds in their order within a base. */
export const SNAPSHOT_KINDS = ['base', 'changes', 'note'] as const

const kindOrder = (name: SnapshotName): number => SNAPSHOT_KINDS.indexOf(name.kind)

/** Negative when `a` stands before `b`: by term, base, kind, sequence, part, and number of parts. */
export function compareSnapshotNames(a: SnapshotName, b: SnapshotName): number {
  return (
    a.term - b.term ||
    a.base - b.base ||
    kindOrder(a) - kindOrder(b) ||
    a.sequence - b.sequence ||
    a.part - b.part ||
    a.parts - b.parts
  )
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** @throws `bad-request` when it names no piece that can be */
export function checkSnapshotName(name: SnapshotName): void {
  const { term, base, sequence, part, parts } = name
  const wrong =
    ![term, base, sequence, part, parts].every(isCount) ||
    kindOrder(name) < 0 ||
    parts < 1 ||
    parts > SNAPSHOT_PARTS_MAX ||
    part >= parts ||
    // a base comes first; changes and notes are counted from 1
    (name.kind === 'base') !== (sequence === 0)
  if (wrong) throw new PeerbinError('bad-request', 'this names no piece of a snapshot')
}
