/** Reads what was found on nodes: each piece from any node that has it whole. */

import { asPeerbinError, PeerbinError } from '../../errors.ts'
import type { Logger, SnapshotName } from '../../interfaces.ts'
import type { PeerId } from '../../types.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import type { SnapshotReader } from '../snapshots/node-snapshots.ts'
import { openNote } from '../snapshots/note-content.ts'
import type { NoteContent } from '../snapshots/note-content.ts'
import { openPiece } from '../snapshots/pieces.ts'
import type { Piece } from '../snapshots/pieces.ts'
import type { FoundSeries, LocatedPiece } from './found-series.ts'
import { readAhead } from './read-ahead.ts'

/** Pieces of at most 1 MiB (unpacked) that are fetched ahead. */
const AHEAD = 8
const NODES_AT_ONCE = 8

export interface SnapshotPiecesDeps {
  readonly reader: SnapshotReader
  readonly secret: Uint8Array
  readonly logger: Logger
  readonly signal: AbortSignal | undefined
}

export class SnapshotPieces {
  readonly #deps: SnapshotPiecesDeps
  /** When the newest piece that was read was taken from the store: the lost controller's wall clock, ms; 0: none was read. */
  takenAt = 0
  /** Changes that were handed out whole. */
  changesRead = 0

  constructor(deps: SnapshotPiecesDeps) {
    this.#deps = deps
  }

  /** What each node keeps; a node that cannot be asked keeps nothing here, and is named. */
  async list(peers: readonly PeerId[]): Promise<{ lists: Map<PeerId, SnapshotName[]>; silent: PeerId[] }> {
    const lists = new Map<PeerId, SnapshotName[]>()
    const silent: PeerId[] = []
    await inParallel(peers, NODES_AT_ONCE, async (peer) => {
      try {
        lists.set(peer, await this.#deps.reader.list(peer, this.#deps.signal))
      } catch (error) {
        this.#deps.signal?.throwIfAborted()
        this.#deps.logger.warn('a node does not list its snapshots', { peer, err: error })
        silent.push(peer)
      }
    })
    return { lists, silent }
  }

  async *base(series: FoundSeries): AsyncGenerator<Uint8Array, void, undefined> {
    yield* readAhead(series.parts, AHEAD, (part) => this.#read(part))
  }

  /** Each item is the whole of one call of SnapshotSource.changes. @param limit at most so many */
  async *changes(series: FoundSeries, limit: number): AsyncGenerator<Uint8Array, void, undefined> {
    this.changesRead = 0
    const read = async (parts: readonly LocatedPiece[]): Promise<Uint8Array> => {
      const pieces: Uint8Array[] = []
      for (const part of parts) pieces.push(await this.#read(part))
      return Buffer.concat(pieces)
    }
    for await (const bytes of readAhead(series.changes.slice(0, limit), AHEAD, read)) {
      yield bytes
      this.changesRead++
    }
  }

  /** Undefined when no node has it in a state that can be read. */
  async note(located: LocatedPiece): Promise<NoteContent | undefined> {
    try {
      return await this.#fromAny(located, (piece) => openNote(piece, this.#deps.secret))
    } catch (error) {
      this.#deps.signal?.throwIfAborted()
      this.#deps.logger.warn('a note cannot be read', { ...located.name, err: error })
      return undefined
    }
  }

  async #read(located: LocatedPiece): Promise<Uint8Array> {
    return await this.#fromAny(located, (piece) => {
      const { at, bytes } = openPiece(piece, this.#deps.secret)
      this.takenAt = Math.max(this.takenAt, at)
      return bytes
    })
  }

  async #fromAny<T>({ name, peers }: LocatedPiece, open: (piece: Piece) => T): Promise<T> {
    const { reader, logger, signal } = this.#deps
    let failure = new PeerbinError('chunk-not-found')
    for (const peer of peers) {
      try {
        return open({ name, bytes: await reader.get(peer, name, signal) })
      } catch (error) {
        signal?.throwIfAborted()
        failure = asPeerbinError(error)
        logger.warn('a piece of a snapshot cannot be read', { peer, ...name, err: error })
      }
    }
    throw failure
  }
}
