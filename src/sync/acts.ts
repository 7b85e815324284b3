/** Does what a plan says. Each act ends with what it did in the trees and in the state; before that, every await can be the last. */

import { foldersOf, foldPath } from '../bundle/paths.ts'
import { hasCode, PeerbinError } from '../errors.ts'
import { Budget } from '../runtime/budget.ts'
import { conflictPath } from './conflict-name.ts'
import type { SyncOptions, SyncParts, SyncStep } from './engine-types.ts'
import { RemoteContent } from './fetch-content.ts'
import type { Action, HashedFile } from './plan-types.ts'
import type { RemoteFile } from './remote.ts'
import { isRefusal, sendFile } from './send-content.ts'
import type { SendParts } from './send-content.ts'
import type { SyncTrees } from './trees.ts'

const BYTES_AT_ONCE = 8 * 2 ** 20
/** Waiters of the budget: blocks of files that are under way. */
const WAITERS_MAX = 4096

type Act<Kind extends Action['do']> = Extract<Action, { do: Kind }>

export class Acts {
  readonly #parts: SyncParts
  readonly #trees: SyncTrees
  readonly #host: string
  readonly #send: SendParts
  /** Names that this round has given away, folded: several acts run at once. */
  readonly #given = new Set<string>()

  constructor(parts: SyncParts, trees: SyncTrees, options: SyncOptions) {
    this.#parts = parts
    this.#trees = trees
    this.#host = options.host
    const { remote, folder, random } = parts
    const budget = new Budget(options.bytesAtOnceMax ?? BYTES_AT_ONCE, WAITERS_MAX)
    this.#send = { remote, folder, random, trees, budget }
  }

  get sendParts(): SendParts {
    return this.#send
  }

  /** @throws what the seams do; then nothing of it is done, or what was done is seen by the next look. */
  async act(action: Action, signal: AbortSignal): Promise<SyncStep> {
    switch (action.do) {
      case 'upload':
        return await this.#upload(action, signal)
      case 'download':
        return await this.#download(action, signal)
      case 'move-local':
        return await this.#moveLocal(action)
      case 'move-remote':
        return await this.#moveRemote(action, signal)
      case 'remove-local':
        return await this.#removeLocal(action)
      case 'remove-remote':
        return await this.#removeRemote(action, signal)
      case 'set-aside':
        return await this.#setAside(action)
    }
  }

  async #upload({ local, replaces }: Act<'upload'>, signal: AbortSignal): Promise<SyncStep> {
    const { file, sentBytes } = await sendFile(this.#send, local, replaces, signal)
    this.#trees.observe([file], [])
    this.#trees.commits.delete(local.path)
    await this.#trees.save([
      ...this.#trees.agree(file, local, local.path),
      { drop: 'commit', path: local.path }
    ])
    return { kind: 'upload', path: local.path, sizeBytes: local.sizeBytes, sentBytes }
  }

  async #download({ file, replaces }: Act<'download'>, signal: AbortSignal): Promise<SyncStep> {
    const content = new RemoteContent(file, this.#parts)
    const what = { expected: replaces?.stamp, modifiedAt: modifiedAt(file, this.#parts.clock.now()) }
    await this.#trees.save(this.#trees.expect(file))
    const written = await this.#parts.folder.write(file.path, content.bytes(signal), what, signal)
    this.#trees.see(file.path, written)
    const came = content.content()
    await this.#trees.save([
      this.#trees.noteContent(written, came),
      ...this.#trees.agree(file, came),
      ...this.#trees.arrived(file.path)
    ])
    return {
      kind: 'download',
      path: file.path,
      sizeBytes: file.sizeBytes,
      sentBytes: content.fetchedBytes
    }
  }

  async #moveLocal({ local, base, to }: Act<'move-local'>): Promise<SyncStep> {
    const { open } = this.#trees
    await this.#trees.save(open.openRename({ id: base.id, from: local.path, to, sha256: local.sha256 }))
    const changes = await this.#rename(local, to)
    await this.#trees.save([...changes, ...this.#trees.rebase(base, to), ...open.closeRename(base.id)])
    return { kind: 'move-local', path: local.path, to, sizeBytes: local.sizeBytes, sentBytes: 0 }
  }

  async #moveRemote({ file, base, to, local }: Act<'move-remote'>, signal: AbortSignal): Promise<SyncStep> {
    const { open } = this.#trees
    const at = this.#parts.clock.now()
    await this.#trees.save(open.openMove({ id: file.id, from: file.path, to, at }))
    // refused or not: an earlier one, whose answer was lost, may have been done; the next look says
    const moved = await this.#parts.remote.move(file, to, signal)
    this.#trees.observe([moved], [])
    await this.#trees.save([...this.#trees.rebase(base, to), ...open.closeMove(file.id)])
    return { kind: 'move-remote', path: file.path, to, sizeBytes: local.sizeBytes, sentBytes: 0 }
  }

  async #removeLocal({ local, base }: Act<'remove-local'>): Promise<SyncStep> {
    await this.#parts.folder.remove(local.path, local.stamp)
    this.#trees.see(local.path, undefined)
    await this.#trees.save([...this.#trees.forget(base.id), { drop: 'digest', path: local.path }])
    return { kind: 'remove-local', path: local.path, sizeBytes: local.sizeBytes, sentBytes: 0 }
  }

  async #removeRemote({ file, base }: Act<'remove-remote'>, signal: AbortSignal): Promise<SyncStep> {
    const { id, path, version } = file
    const { open } = this.#trees
    await this.#trees.save(open.openRemoval({ id, path, version, at: this.#parts.clock.now() }))
    try {
      await this.#parts.remote.remove(file, signal)
    } catch (error) {
      // nothing happened, and that is certain
      if (isRefusal(error)) await this.#trees.save(open.closeRemoval(id))
      if (!hasCode(error, 'file-unknown')) throw error // gone already, perhaps by an answer that was lost
    }
    this.#trees.observe([], [id])
    await this.#trees.save([...this.#trees.forget(base.id), ...open.closeRemoval(id)])
    return { kind: 'remove-remote', path: file.path, sizeBytes: file.sizeBytes, sentBytes: 0 }
  }

  async #setAside({ local, part }: Act<'set-aside'>): Promise<SyncStep> {
    const taken = this.#takenPaths()
    const to = conflictPath(local.path, part, {
      host: this.#host,
      at: this.#parts.clock.now(),
      isFree: (folded) => !taken.has(folded) && ![...foldersOf(folded)].some((folder) => taken.has(folder))
    })
    this.#given.add(foldPath(to))
    await this.#trees.save(await this.#rename(local, to))
    return { kind: 'conflict', path: local.path, to, sizeBytes: local.sizeBytes, sentBytes: 0 }
  }

  /** Where files are on either side, folded. */
  #takenPaths(): Set<string> {
    const taken = new Set(this.#given)
    for (const path of this.#trees.local.keys()) taken.add(foldPath(path))
    for (const path of this.#trees.problems.keys()) taken.add(foldPath(path))
    for (const file of this.#trees.remote.values()) taken.add(foldPath(file.path))
    return taken
  }

  async #rename(local: HashedFile, to: string): ReturnType<SyncTrees['moveLocal']> {
    if (this.#trees.isFrozen(to)) throw new PeerbinError('path-taken', '', { details: { path: to } })
    const moved = await this.#parts.folder.rename(local.path, local.stamp, to)
    return await this.#trees.moveLocal(local.path, moved, local.stamp)
  }
}

/** When the content of a file was modified where it came from; what it says is not trusted further than that it is a time that was. */
function modifiedAt(file: RemoteFile, now: number): number {
  const said = Date.parse(file.metadata['modified_at'] ?? '')
  const at = Number.isFinite(said) && said > 0 ? said : file.changedAt
  return Math.min(Math.floor(at), now)
}
