/**
 * Decides what a synced folder needs, from three trees: the server's files, the local ones, and the base both agreed on last. Pure: the same trees give the same plan, and
 * nothing but them is remembered. (Dropbox's Nucleus and Unison compare the same three.) What is decided is always safe to do late or not at all: each action names what it
 * expects on the side that it changes.
 */

import { foldersOf } from '../bundle/paths.ts'
import type { EntryId } from '../types.ts'
import { MOVING } from './conflict-name.ts'
import { findMoves } from './plan-moves.ts'
import { makeRoom } from './plan-room.ts'
import type { Action, HashedFile, MoveRemote, Plan, Settlement, Trees } from './plan-types.ts'
import type { RemoteFile } from './remote.ts'
import type { BaseFile } from './state.ts'

export function planSync(trees: Trees): Plan {
  return makeRoom(trees, new Planner(trees).plan())
}

class Planner {
  readonly #trees: Trees
  readonly #remoteAt = new Map<string, RemoteFile>()
  /** Folders at the server, and one of the files below each that are not about to leave. */
  readonly #remoteFolders = new Map<string, RemoteFile[]>()
  readonly #baseAt = new Map<string, BaseFile>()
  readonly #settlements: Settlement[] = []
  readonly #actions: Action[] = []
  readonly #waiting: Action[] = []
  readonly #empty: string[] = []
  /** Remote files that actions of this plan take away from where they are. */
  readonly #leaving = new Set<EntryId>()
  readonly #moves: MoveRemote[] = []

  constructor(trees: Trees) {
    this.#trees = trees
    for (const file of trees.remote.values()) {
      this.#remoteAt.set(file.path, file)
      for (const folder of foldersOf(file.path)) {
        const below = this.#remoteFolders.get(folder)
        if (below === undefined) this.#remoteFolders.set(folder, [file])
        else below.push(file)
      }
    }
    for (const base of trees.base.values()) this.#baseAt.set(base.path, base)
  }

  plan(): Plan {
    const { base, local, remote, isFrozen } = this.#trees
    const fresh = [...local.values()].filter((file) => !this.#baseAt.has(file.path))
    const gone = [...base.values()].filter((one) => !local.has(one.path) && !isFrozen(one.path))
    const moves = findMoves(this.#trees, gone, fresh, this.#remoteAt)
    for (const one of base.values()) {
      const file = remote.get(one.id)
      if (isFrozen(one.path) || (file !== undefined && isFrozen(file.path))) continue
      this.#compare(one, file, local.get(one.path), moves.get(one.id))
    }
    // once all are known that leave: one may be where another is to come
    for (const move of this.#moves) this.#moveThere(move)
    const moved = new Set([...moves.values()].map((file) => file.path))
    for (const file of fresh) if (!moved.has(file.path)) this.#takeLocal(file)
    for (const file of remote.values()) {
      if (!base.has(file.id) && !isFrozen(file.path)) this.#takeRemote(file)
    }
    return {
      settlements: this.#settlements,
      actions: this.#actions,
      waiting: this.#waiting,
      empty: this.#empty
    }
  }

  /** A file that both sides had. */
  #compare(
    base: BaseFile,
    file: RemoteFile | undefined,
    local: HashedFile | undefined,
    moved: HashedFile | undefined
  ): void {
    if (moved !== undefined && file !== undefined) this.#moved(base, file, moved)
    else if (local === undefined) this.#goneHere(base, file)
    else if (file === undefined) this.#goneThere(base, local)
    else if (file.path !== base.path) this.#actions.push({ do: 'move-local', local, base, to: file.path })
    else this.#compareContent(base, file, local)
  }

  #moved(base: BaseFile, file: RemoteFile, local: HashedFile): void {
    if (file.path === local.path) {
      this.#settlements.push({ settle: 'rebase', base, path: local.path })
    } else if (file.path === base.path) {
      this.#leaving.add(file.id)
      this.#moves.push({ do: 'move-remote', file, base, to: local.path, local })
    } else {
      // moved to two places: the server's was first
      this.#actions.push({ do: 'move-local', local, base, to: file.path })
    }
  }

  #goneHere(base: BaseFile, file: RemoteFile | undefined): void {
    if (file === undefined) this.#settlements.push({ settle: 'forget', base })
    else if (file.sha256 === base.sha256 && file.path === base.path) {
      this.#leaving.add(file.id)
      this.#actions.push({ do: 'remove-remote', file, base })
    } else {
      // whatever was done to it there counts for more than that it was deleted here
      this.#actions.push({ do: 'download', file, replaces: this.#emptyAt(file.path) })
    }
  }

  #goneThere(base: BaseFile, local: HashedFile): void {
    if (local.sha256 === base.sha256) this.#actions.push({ do: 'remove-local', local, base })
    // edited here, and deleted there while it made room: the name that it has is nobody's
    else if (MOVING.test(local.path)) this.#actions.push({ do: 'set-aside', local, part: local.path })
    // edited here: it is a new file from the next look on
    else this.#settlements.push({ settle: 'forget', base })
  }

  #compareContent(base: BaseFile, file: RemoteFile, local: HashedFile): void {
    if (file.sha256 === local.sha256) {
      if (file.version !== base.version || local.sha256 !== base.sha256)
        this.#settlements.push({ settle: 'agree', file, local })
    } else if (local.sha256 === base.sha256) {
      this.#actions.push({ do: 'download', file, replaces: local })
    } else if (file.sha256 === base.sha256) {
      if (local.sizeBytes === 0) this.#empty.push(local.path)
      else this.#actions.push({ do: 'upload', local, replaces: file })
    } else if (local.sizeBytes === 0) {
      // there is nothing in it to be kept
      this.#actions.push({ do: 'download', file, replaces: local })
    } else this.#actions.push({ do: 'set-aside', local, part: local.path })
  }

  /** A local file that the base does not know. */
  #takeLocal(local: HashedFile): void {
    const file = this.#remoteAt.get(local.path)
    if (file !== undefined && file.sha256 === local.sha256) {
      this.#settlements.push({ settle: 'agree', file, local })
    } else if (file !== undefined) {
      if (local.sizeBytes > 0) this.#actions.push({ do: 'set-aside', local, part: local.path })
    } else if (local.sizeBytes === 0) {
      this.#empty.push(local.path)
    } else this.#uploadNew(local)
  }

  #uploadNew(local: HashedFile): void {
    const upload: Action = { do: 'upload', local, replaces: undefined }
    this.#comeThere(upload, local, this.#clashThere(local.path, undefined))
  }

  #moveThere(move: MoveRemote): void {
    this.#comeThere(move, move.local, this.#clashThere(move.to, move.file.id))
  }

  #comeThere(action: Action, local: HashedFile, clash: { part: string | undefined } | undefined): void {
    if (clash === undefined) this.#actions.push(action)
    else if (clash.part === undefined) this.#waiting.push(action)
    else this.#actions.push({ do: 'set-aside', local, part: clash.part })
  }

  /**
   * A file at the server where `path` needs a folder, or a folder where it is to be; without `part`: until other actions are done.
   * @param self the file that is to come there makes room for itself
   */
  #clashThere(path: string, self: EntryId | undefined): { part: string | undefined } | undefined {
    for (const folder of foldersOf(path)) {
      const file = this.#remoteAt.get(folder)
      if (file !== undefined && file.id !== self)
        return { part: this.#leaving.has(file.id) ? undefined : folder }
    }
    const below = this.#remoteFolders.get(path)?.filter((file) => file.id !== self) ?? []
    if (below.length === 0) return undefined
    return { part: below.every((file) => this.#leaving.has(file.id)) ? undefined : path }
  }

  /** A file at the server that the base does not know. */
  #takeRemote(file: RemoteFile): void {
    const local = this.#trees.local.get(file.path)
    const isFresh = local !== undefined && !this.#baseAt.has(file.path)
    // the same content, or a conflict: decided with the local file
    if (isFresh && local.sizeBytes > 0) return
    this.#actions.push({ do: 'download', file, replaces: this.#emptyAt(file.path) })
  }

  /** A new local file without content, which may be replaced. */
  #emptyAt(path: string): HashedFile | undefined {
    const local = this.#trees.local.get(path)
    return local?.sizeBytes === 0 && !this.#baseAt.has(path) ? local : undefined
  }
}
