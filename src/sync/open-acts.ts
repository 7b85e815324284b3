/** Moves and deletions that were begun, and of which it is not known whether they were done: their answer was lost, or the process died. */

import type { EntryId } from '../types.ts'
import type { RemoteFile } from './remote.ts'
import type {
  BaseFile,
  PendingMove,
  PendingRemoval,
  PendingRename,
  SavedState,
  StateChange
} from './state.ts'

/** A request that was sent so long ago does not arrive any more: an edge gives up after `controller.callTimeoutMs`, half a minute by itself. */
const LATE_MS = 10 * 60_000

interface Seen {
  base: ReadonlyMap<EntryId, BaseFile>
  remote: ReadonlyMap<EntryId, RemoteFile>
  /** Of the local file at a path; undefined: there is none. */
  hashAt: (path: string) => string | undefined
  isFrozen: (path: string) => boolean
  now: number
}

/** What they turned out to have done, and what is to be saved of those about which nothing is open any more. */
interface Taken {
  moved: { base: BaseFile; to: string }[]
  removed: EntryId[]
  closed: StateChange[]
}

/**
 * Each is opened before it is done. A request to the server stays until what it did is seen, or until it can do nothing any more: what the server shows first is perhaps what was
 * before it. There are no more of them than files of the base.
 */
export class OpenActs {
  readonly #moves = new Map<EntryId, PendingMove>()
  readonly #removals = new Map<EntryId, PendingRemoval>()
  readonly #renames = new Map<EntryId, PendingRename>()

  load({ moves, removals, renames }: Pick<SavedState, 'moves' | 'removals' | 'renames'>): void {
    for (const move of moves) this.#moves.set(move.id, move)
    for (const removal of removals) this.#removals.set(removal.id, removal)
    for (const rename of renames) this.#renames.set(rename.id, rename)
  }

  /** To be saved before it is sent, as the others. */
  openMove(move: PendingMove): StateChange[] {
    this.#moves.set(move.id, move)
    return [{ put: 'move', move }]
  }

  closeMove(id: EntryId): StateChange[] {
    return this.#moves.delete(id) ? [{ drop: 'move', id }] : []
  }

  openRemoval(removal: PendingRemoval): StateChange[] {
    this.#removals.set(removal.id, removal)
    return [{ put: 'removal', removal }]
  }

  closeRemoval(id: EntryId): StateChange[] {
    return this.#removals.delete(id) ? [{ drop: 'removal', id }] : []
  }

  openRename(rename: PendingRename): StateChange[] {
    this.#renames.set(rename.id, rename)
    return [{ put: 'rename', rename }]
  }

  closeRename(id: EntryId): StateChange[] {
    return this.#renames.delete(id) ? [{ drop: 'rename', id }] : []
  }

  /** Once both sides were looked at. */
  take(seen: Seen): Taken {
    const taken: Taken = { moved: [], removed: [], closed: [] }
    for (const move of this.#moves.values()) this.#takeMove(move, seen, taken)
    for (const removal of this.#removals.values()) this.#takeRemoval(removal, seen, taken)
    for (const rename of this.#renames.values()) this.#takeRename(rename, seen, taken)
    return taken
  }

  #takeMove({ id, from, to, at }: PendingMove, seen: Seen, taken: Taken): void {
    const [base, file] = [seen.base.get(id), seen.remote.get(id)]
    const isFrom = base?.path === from
    if (isFrom && file?.path === to) taken.moved.push({ base, to })
    if (isFrom && file?.path === from && !isLate(at, seen.now)) return
    taken.closed.push(...this.closeMove(id))
  }

  #takeRemoval({ id, path, version, at }: PendingRemoval, seen: Seen, taken: Taken): void {
    const file = seen.remote.get(id)
    if (file === undefined) taken.removed.push(id)
    else if (file.path === path && file.version === version && !isLate(at, seen.now)) return
    taken.closed.push(...this.closeRemoval(id))
  }

  /** What has the new name is the file if nothing has the old one, or if it has that content still: somebody put something else in the old place since. */
  #takeRename({ id, from, to, sha256 }: PendingRename, seen: Seen, taken: Taken): void {
    if (seen.isFrozen(from) || seen.isFrozen(to)) return
    const base = seen.base.get(id)
    const there = seen.hashAt(to)
    const isDone = there !== undefined && (there === sha256 || seen.hashAt(from) === undefined)
    if (base?.path === from && isDone) taken.moved.push({ base, to })
    taken.closed.push(...this.closeRename(id))
  }
}

const isLate = (at: number, now: number): boolean => now - at > LATE_MS
