/** A user's files in a simulated cluster, as the sync on a laptop sees them: through edges, over a line that fails. */

import { asPeerbinError, hasCode, PeerbinError } from '../../../src/errors.ts'
import type { ControlMessages, RequestOf } from '../../../src/protocol/messages.ts'
import { throwIfAborted } from '../../../src/runtime/deadline.ts'
import type {
  BlockRef,
  RemoteChanges,
  RemoteCommit,
  RemoteFile,
  RemotePlace,
  RemoteVersion,
  SyncRemote
} from '../../../src/sync/remote.ts'
import type { ByteRange, EntryRecord } from '../../../src/types.ts'
import type { SimEdge } from '../edge.ts'
import type { Asking } from '../files/asking.ts'
import type { SimProcess } from '../sim-process.ts'
import type { Workload } from '../workload.ts'
import {
  blocksOf,
  changesOf,
  commitBlocks,
  cursorNow,
  missingBlocks,
  putBlock,
  remoteFileOf
} from './edge-requests.ts'

const PAGE = 50
/** Answers that are lost on their way, though what was asked for is done. */
const LOST_SHARE = 0.02

/** The line of a laptop. */
export interface Line {
  readonly isOnline: boolean
  /** Resolves when it is cut. */
  readonly cut: Promise<void>
}

export interface ClusterRemoteDeps {
  readonly asking: Asking
  readonly workload: Workload
  readonly process: SimProcess
  readonly line: () => Line
}

export class ClusterRemote implements SyncRemote {
  readonly #deps: ClusterRemoteDeps
  #edge: SimEdge | undefined

  constructor(deps: ClusterRemoteDeps) {
    this.#deps = deps
  }

  async cursor(signal: AbortSignal): Promise<string> {
    return await this.#call(signal, (edge) => cursorNow(edge, this.#asking, signal))
  }

  async *list(signal: AbortSignal): AsyncIterable<RemoteFile[]> {
    let after: RequestOf<ControlMessages, 'listEntries'>['after']
    for (;;) {
      const { actor, user } = this.#asking
      const request = { actor, owner: user.id, recursive: true, limit: PAGE } as const
      const sorted = { sort: 'name', order: 'ascending' } as const
      const behind = after && { after }
      const page = await this.#call(signal, (edge) =>
        edge.peer.controller.call('listEntries', { ...request, ...sorted, ...behind })
      )
      yield page.entries.flatMap((entry) => remoteFileOf(entry) ?? [])
      if (page.next === null) return
      after = page.next
    }
  }

  async changes(after: string, waitMs: number, signal: AbortSignal): Promise<RemoteChanges | 'lost'> {
    try {
      return await this.#call(signal, (edge) => changesOf(edge, this.#asking, { after, waitMs, signal }))
    } catch (error) {
      if (hasCode(error, 'cursor-expired')) return 'lost'
      throw error
    }
  }

  async missing(blocks: readonly BlockRef[], signal: AbortSignal): Promise<ReadonlySet<string>> {
    return await this.#call(signal, (edge) => missingBlocks(edge, this.#asking, blocks, signal))
  }

  async putBlock(bytes: Uint8Array, digest: string, signal: AbortSignal): Promise<void> {
    const own = bytes.slice()
    await this.#call(signal, (edge) => putBlock(edge, this.#asking, { bytes: own, digest, signal }))
  }

  async commit(file: RemoteCommit, signal: AbortSignal): Promise<RemoteFile> {
    return await this.#call(signal, (edge) => commitBlocks(edge, this.#asking, file, signal))
  }

  async blocksOf(file: RemoteVersion, signal: AbortSignal): Promise<BlockRef[]> {
    return await this.#call(signal, (edge) => blocksOf(edge, this.#asking, file))
  }

  async *read(file: RemoteVersion, range: ByteRange, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { actor } = this.#asking
    yield* await this.#call(signal, async (edge) => {
      const message = { actor, id: file.id, version: file.version }
      const { file: content, chunks } = await edge.peer.controller.call('openContent', message)
      const { sizeBytes, chunkCount } = content
      const pieces: Uint8Array[] = []
      const wanted = { file: content.id, sizeBytes, chunkCount, firstPage: chunks, range, signal }
      for await (const piece of edge.spoil(edge.parts.reader.read(wanted))) pieces.push(piece.slice())
      return pieces
    })
  }

  async move(
    { id, version, path: basePath }: RemotePlace,
    path: string,
    signal: AbortSignal
  ): Promise<RemoteFile> {
    const { actor } = this.#asking
    const { entry } = await this.#call(signal, (edge) =>
      edge.peer.controller.call('moveEntry', { actor, id, version, basePath, path })
    )
    return mustBeFile(entry)
  }

  async remove({ id, version, path: basePath }: RemotePlace, signal: AbortSignal): Promise<void> {
    const { actor } = this.#asking
    await this.#call(signal, (edge) =>
      edge.peer.controller.call('deleteEntry', { actor, id, version, basePath })
    )
  }

  get #asking(): Asking {
    return this.#deps.asking
  }

  /** A request to an edge; any other one when that fails. @throws `server-unreachable` when nobody answered: what was asked for may be done all the same */
  async #call<T>(signal: AbortSignal, work: (edge: SimEdge) => Promise<T>): Promise<T> {
    const { workload, process, line } = this.#deps
    throwIfAborted(signal)
    const { isOnline, cut } = line()
    const outcome = isOnline ? await this.#ask(cut, signal, work) : ('unknown' as const)
    const isLost = outcome === 'unknown' || process.chance.happens(LOST_SHARE)
    // nothing comes back to a process that is dead, and a suspended one hears of it later
    await process.io('line', () => {})
    throwIfAborted(signal)
    if (isLost) {
      const edges = workload.edges
      if (edges.length > 0) this.#edge = process.chance.pick(edges)
      throw new PeerbinError('server-unreachable')
    }
    if ('value' in outcome) return outcome.value
    throw asPeerbinError(outcome.error)
  }

  async #ask<T>(
    cut: Promise<void>,
    signal: AbortSignal,
    work: (edge: SimEdge) => Promise<T>
  ): Promise<{ value: T } | { error: unknown } | 'unknown'> {
    const { workload, process } = this.#deps
    if (this.#edge?.process.alive !== true) {
      const edges = workload.edges
      if (edges.length === 0) return 'unknown'
      this.#edge = process.chance.pick(edges)
    }
    const edge = this.#edge
    const ended = new Promise<'unknown'>((resolve) => {
      signal.addEventListener('abort', () => resolve('unknown'), { once: true })
    })
    const gone = cut.then(() => 'unknown' as const)
    return await Promise.race([workload.ask(edge, () => work(edge)), ended, gone])
  }
}

function mustBeFile(entry: EntryRecord): RemoteFile {
  const file = remoteFileOf(entry)
  if (file === undefined) throw new PeerbinError('internal', 'a file without content was changed')
  return file
}
