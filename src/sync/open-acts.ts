/** Moves and deletions at the server of which it is not known whether they were done: their answer was lost, or the process died. */

import type { EntryId } from '../types.ts'
import type { RemoteFile } from './remote.ts'
import type { BaseFile, PendingMove, PendingRemoval, StateChange } from './state.ts'

/** A request that was sent so long ago does not arrive any more: an edge gives up after `controller.callTimeoutMs`, half a minute by itself. */
const LATE_MS = 10 * 60_000

interface Seen {
  base: ReadonlyMap<EntryId, BaseFile>
  remote: ReadonlyMap<EntryId, RemoteFile>
  now: number
}

/** What the requests turned out to have done, and what is to be saved of those about which nothing is open any more. */
interface Taken {
  moved: { base: BaseFile; to: string }[]
  removed: EntryId[]
  closed: StateChange[]
}

/**
 * Each is opened before it is sent, and stays until what it did is seen, or until it can do nothing any more: what the server shows first is perhaps what was before it. There are
 * no more of them than files of the base.
 */
export class OpenRequests {
  readonly #moves = new Map<EntryId, PendingMove>()
  readonly #removals = new Map<EntryId, PendingRemoval>()

  load(saved: { moves: readonly PendingMove[]; removals: readonly PendingRemoval[] }): void {
    for (const move of saved.moves) this.#moves.set(move.id, move)
    for (const removal of saved.removals) this.#removals.set(removal.id, removal)
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

  /** Once the server was looked at. */
  take(seen: Seen): Taken {
    const taken: Taken = { moved: [], removed: [], closed: [] }
    for (const move of this.#moves.values()) this.#takeMove(move, seen, taken)
    for (const removal of this.#removals.values()) this.#takeRemoval(removal, seen, taken)
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
}

const isLate = (at: number, now: number): boolean => now - at > LATE_MS
