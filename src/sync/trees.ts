/** The three trees in memory, and what of them is kept in the state: one place that changes both together. */

import { foldersOf, foldPath, isCleanPath } from '../bundle/paths.ts'
import { hasCode, PeerbinError } from '../errors.ts'
import type { EntryId } from '../types.ts'
import type { LocalFile, LocalProblem } from './folder.ts'
import { STATE_FOLDER } from './folder.ts'
import type { HashedFile, Settlement } from './plan-types.ts'
import type { BlockRef, RemoteCommit, RemoteFile } from './remote.ts'
import { OpenActs } from './open-acts.ts'
import type { BaseFile, LocalDigest, PendingArrival, StateChange, SyncState } from './state.ts'

/** Content of a local file, as it was read. */
export interface Content {
  sha256: string
  sizeBytes: number
  blocks: readonly BlockRef[]
}

const stateFolder = foldPath(STATE_FOLDER)

/** Whether a path belongs to the sync itself, in any spelling: a file system may take them for the same. */
const isOurs = (path: string): boolean => {
  const folded = foldPath(path)
  return folded === stateFolder || folded.startsWith(`${stateFolder}/`)
}

const baseOf = (
  file: RemoteFile,
  content: { sha256: string; sizeBytes: number },
  path: string
): BaseFile => ({
  id: file.id,
  path,
  version: file.version,
  sha256: content.sha256,
  sizeBytes: content.sizeBytes
})

export type DigestChange = Extract<StateChange, { put: 'digest' }>

export class SyncTrees {
  readonly remote = new Map<EntryId, RemoteFile>()
  readonly base = new Map<EntryId, BaseFile>()
  readonly local = new Map<string, LocalFile>()
  readonly problems = new Map<string, LocalProblem>()
  readonly commits = new Map<string, RemoteCommit>()
  readonly open = new OpenActs()
  /** By path. */
  readonly #arrivals = new Map<string, PendingArrival>()
  readonly #digests = new Map<string, LocalDigest>()
  readonly #baseAt = new Map<string, EntryId>()
  /** Files that the server said are gone, since it was listed last. */
  readonly #gone = new Set<EntryId>()
  #epoch: string | undefined
  /** Unsettled files whose content was read in this round: once is enough for it. */
  readonly #readNow = new Set<string>()
  readonly #state: SyncState
  readonly #excluded: (path: string) => boolean
  readonly #isDry: boolean

  constructor(state: SyncState, excluded: (path: string) => boolean, isDry: boolean) {
    this.#state = state
    this.#excluded = excluded
    this.#isDry = isDry
  }

  /** What is excluded now is forgotten: were it gone here when it is not any more, that would look like a deletion. */
  async load(): Promise<void> {
    const saved = await this.#state.load()
    const excluded = saved.base.filter(({ path }) => this.#excluded(path))
    await this.save(excluded.map(({ id }) => ({ drop: 'base', id })))
    for (const file of saved.base) if (!this.#excluded(file.path)) this.#putBase(file)
    for (const file of saved.digests) this.#digests.set(file.path, file)
    for (const commit of saved.commits) this.commits.set(commit.path, commit)
    for (const file of saved.arrivals) this.#arrivals.set(file.path, file)
    this.open.load(saved)
    this.#epoch = saved.epoch
  }

  // ---------------------------------------------------------------- what is seen

  /** Takes in what the server has; a file that it does not have any more is in `gone`. */
  observe(files: readonly RemoteFile[], gone: readonly EntryId[]): void {
    for (const file of files) {
      this.remote.set(file.id, file)
      this.#gone.delete(file.id)
    }
    for (const id of gone) {
      this.remote.delete(id)
      this.#gone.add(id)
    }
  }

  /** What the answer to an earlier request said, which later changes may have overtaken. */
  observeOld(file: RemoteFile): void {
    if (!this.remote.has(file.id) && !this.#gone.has(file.id)) this.remote.set(file.id, file)
  }

  forgetRemote(): void {
    this.remote.clear()
    this.#gone.clear()
  }

  /** A round begins: unsettled files are read again in it. */
  beginRound(): void {
    this.#readNow.clear()
  }

  forgetLocal(): void {
    this.local.clear()
    this.problems.clear()
  }

  /** What is at a path now. */
  see(path: string, found: LocalFile | LocalProblem | undefined): void {
    this.local.delete(path)
    this.problems.delete(path)
    if (found === undefined || this.#excluded(path) || isOurs(path)) return
    if ('code' in found) this.problems.set(path, found)
    else if (isCleanPath(path)) this.local.set(path, found)
    else this.problems.set(path, { path, code: 'name-refused' })
  }

  /** Nothing may be decided about what is excluded, cannot be looked at, or is below something that cannot. */
  readonly isFrozen = (path: string): boolean => {
    if (this.problems.has(path) || this.#excluded(path) || isOurs(path) || !isCleanPath(path)) return true
    for (const folder of foldersOf(path)) if (this.problems.has(folder)) return true
    return false
  }

  // ---------------------------------------------------------------- content

  /** Local files whose content has to be read before anything can be decided about them. */
  unread(): LocalFile[] {
    return [...this.local.values()].filter((file) => this.#digestOf(file) === undefined)
  }

  hashed(): Map<string, HashedFile> {
    const files = new Map<string, HashedFile>()
    for (const file of this.local.values()) {
      const digest = this.#digestOf(file)
      if (digest !== undefined) files.set(file.path, { ...file, sha256: digest.sha256 })
    }
    return files
  }

  #digestOf(file: LocalFile): LocalDigest | undefined {
    const digest = this.#digests.get(file.path)
    if (digest === undefined || digest.stamp !== file.stamp) return undefined
    return digest.settled || this.#readNow.has(file.path) ? digest : undefined
  }

  /** The content that a local file had; to be saved. */
  noteContent(file: LocalFile, content: Content): DigestChange {
    const { path, stamp, settled } = file
    const digest = { path, stamp, settled, sizeBytes: content.sizeBytes, sha256: content.sha256 }
    this.#digests.set(path, digest)
    this.#readNow.add(path)
    return { put: 'digest', file: digest, blocks: content.blocks }
  }

  /** Forgets the content of files that are not there any more. */
  dropDigests(): StateChange[] {
    const dropped = [...this.#digests.keys()].filter((path) => !this.local.has(path) && !this.isFrozen(path))
    for (const path of dropped) this.#digests.delete(path)
    return dropped.map((path) => ({ drop: 'digest', path }))
  }

  // ---------------------------------------------------------------- the base

  /** Both sides have this content of the file at this path; to be saved. */
  agree(file: RemoteFile, content: { sha256: string; sizeBytes: number }, path = file.path): StateChange[] {
    return this.#moveBase(baseOf(file, content, path))
  }

  /** This file is about to be written; to be saved before it is. */
  expect(file: RemoteFile): StateChange[] {
    const arrival = baseOf(file, file, file.path)
    this.#arrivals.set(file.path, arrival)
    return [{ put: 'arrival', file: arrival }]
  }

  /** What was expected has come, or will not; to be saved. */
  arrived(path: string): StateChange[] {
    return this.#arrivals.delete(path) ? [{ drop: 'arrival', path }] : []
  }

  /**
   * Files that were expected when an act ended in its middle: where they are here, both sides had them; otherwise nothing had come. Once contents were read. To be saved.
   */
  takeArrivals(): StateChange[] {
    return [...this.#arrivals.values()].flatMap((file) => {
      const { path } = file
      const found = this.local.get(path)
      const digest = found && this.#digestOf(found)
      if (this.isFrozen(path) || (found !== undefined && digest === undefined)) return []
      const isHere = digest?.sha256 === file.sha256 && digest.sizeBytes === file.sizeBytes
      return [...(isHere ? this.#moveBase(file) : []), ...this.arrived(path)]
    })
  }

  /**
   * What became of acts whose end is not known, once both sides were looked at: what they did is what both sides had, and what was done since is compared with that. To be saved.
   */
  takeOpen(now: number): StateChange[] {
    const { base, remote, isFrozen } = this
    const hashAt = (path: string): string | undefined => {
      const file = this.local.get(path)
      return file && this.#digestOf(file)?.sha256
    }
    const { moved, removed, closed } = this.open.take({ base, remote, hashAt, isFrozen, now })
    return [
      ...moved.flatMap(({ base: before, to }) => this.rebase(before, to)),
      ...removed.flatMap((id) => this.forget(id)),
      ...closed
    ]
  }

  /**
   * Everything that the server has was taken in. In another epoch than before, it may have lost what it had when the base was agreed on: then what it does not have was not
   * deleted there, and what it has instead is no edit. What is here is kept, and sent again. To be saved.
   */
  enterEpoch(epoch: string): StateChange[] {
    const isOther = this.#epoch !== undefined && this.#epoch !== epoch
    if (this.#epoch === epoch) return []
    this.#epoch = epoch
    const stays = ({ id, sha256 }: BaseFile): boolean => this.remote.get(id)?.sha256 === sha256
    const changes = isOther ? [...this.base.values()].filter((base) => !stays(base)) : []
    const arrivals = isOther ? [...this.#arrivals.values()].filter((file) => !stays(file)) : []
    return [
      ...changes.flatMap((base) => this.#distrust(base)),
      ...arrivals.flatMap(({ path }) => this.arrived(path)),
      { put: 'epoch', epoch }
    ]
  }

  #distrust(base: BaseFile): StateChange[] {
    const file = this.remote.get(base.id)
    // what came before the one that we know is no conflict with it
    if (file !== undefined && file.version < base.version) return this.agree(file, file, base.path)
    return this.forget(base.id)
  }

  /** The file of the base is at another path now; to be saved. */
  rebase(base: BaseFile, path: string): StateChange[] {
    return this.#moveBase({ ...base, path })
  }

  forget(id: EntryId): StateChange[] {
    const base = this.base.get(id)
    if (base === undefined) return []
    this.base.delete(id)
    if (this.#baseAt.get(base.path) === id) this.#baseAt.delete(base.path)
    return [{ drop: 'base', id }]
  }

  #moveBase(file: BaseFile): StateChange[] {
    const changes: StateChange[] = []
    // a file that was there and is gone, and of which nothing was decided yet: what the server has of it is new to us
    const other = this.#baseAt.get(file.path)
    if (other !== undefined && other !== file.id) changes.push(...this.forget(other))
    this.#putBase(file)
    return [...changes, { put: 'base', file }]
  }

  #putBase(file: BaseFile): void {
    const before = this.base.get(file.id)
    if (before !== undefined && this.#baseAt.get(before.path) === file.id) this.#baseAt.delete(before.path)
    this.base.set(file.id, file)
    this.#baseAt.set(file.path, file.id)
  }

  settle(settlement: Settlement): StateChange[] {
    if (settlement.settle === 'agree') return this.agree(settlement.file, settlement.local)
    if (settlement.settle === 'rebase') return this.rebase(settlement.base, settlement.path)
    return this.forget(settlement.base.id)
  }

  // ---------------------------------------------------------------- the state

  async save(changes: readonly StateChange[]): Promise<void> {
    if (changes.length > 0 && !this.#isDry) await this.#state.save(changes)
  }

  /** Blocks of a local file, in order. @throws local-changed when its content is not known any more */
  async blocks(path: string, stamp: string): Promise<BlockRef[]> {
    const blocks = await this.#state.blocks(path, stamp)
    if (blocks === undefined) throw new PeerbinError('local-changed', '', { details: { path } })
    return blocks
  }

  /** A local file got another path; to be saved. */
  async moveLocal(from: string, moved: LocalFile, stampBefore: string): Promise<StateChange[]> {
    const digest = this.#digests.get(from)
    this.see(from, undefined)
    this.see(moved.path, moved)
    this.#digests.delete(from)
    const changes: StateChange[] = [{ drop: 'digest', path: from }]
    if (digest === undefined || digest.stamp !== stampBefore) return changes
    try {
      const blocks = await this.blocks(from, stampBefore)
      return [
        ...changes,
        this.noteContent({ ...moved, settled: digest.settled && moved.settled }, { ...digest, blocks })
      ]
    } catch (error) {
      if (!hasCode(error, 'local-changed')) throw error
      return changes // it is read again
    }
  }
}
