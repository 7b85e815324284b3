/**
 * Backups for an operator: a new base, handed out piece by piece as the nodes keep it, still sealed. So nothing of it waits in this process, however slowly it is
 * fetched. Without nodes that keep snapshots it comes from the store at once.
 */

import { asPeerbinError, PeerbinError } from '../../errors.ts'
import type { Clock, Logger } from '../../interfaces.ts'
import type { SnapshotSource } from '../../metadata-store.ts'
import type { RpcAnswer } from '../../protocol/rpc.ts'
import { abortable } from '../../runtime/deadline.ts'
import type { Term } from '../../types.ts'
import type { SnapshotReader } from './node-snapshots.ts'
import { cut, nameOf, sealPiece } from './pieces.ts'
import type { RawPiece, Sealing } from './pieces.ts'
import type { Shipper, WholeBase } from './shipper.ts'

/** A backup nobody has asked for a piece of for so long is given up. */
const IDLE_MS = 120_000

type Answer = RpcAnswer<{ backup: number; last: boolean }>
type Request = { backup?: number | undefined; part: number }

export interface BackupsDeps extends Sealing {
  readonly reader: SnapshotReader
  readonly source: SnapshotSource
  /** Undefined: nodes keep no snapshots. */
  readonly shipper: Shipper | undefined
  readonly term: () => Term
  readonly clock: Clock
  readonly logger: Logger
}

/** A backup that is made straight from the store; one at a time. */
interface DirectBackup {
  readonly number: number
  readonly pieces: AsyncGenerator<RawPiece, void, undefined>
  /** The piece handed out last, sealed, in case its answer was lost. */
  piece: { part: number; last: boolean; bytes: Uint8Array } | undefined
}

export class Backups {
  readonly #deps: BackupsDeps
  #kept: { whole: WholeBase; readAt: number } | undefined
  #direct: DirectBackup | undefined
  #number = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(deps: BackupsDeps) {
    this.#deps = deps
  }

  /** Base that must stay on the nodes, because somebody reads it. */
  get keeps(): number | undefined {
    if (this.#kept === undefined || this.#deps.clock.monotonic() - this.#kept.readAt > IDLE_MS)
      return undefined
    return this.#kept.whole.base
  }

  async answer(request: Request, signal: AbortSignal): Promise<Answer> {
    const { shipper } = this.#deps
    if (shipper === undefined) return await this.#inTurn(() => this.#answerDirectly(request))
    if (request.backup === undefined) {
      const whole = await abortable(shipper.requestBase(), signal)
      this.#kept = { whole, readAt: this.#deps.clock.monotonic() }
    }
    const kept = this.#kept
    if (kept === undefined || (request.backup !== undefined && request.backup !== kept.whole.base))
      throw noSuchBackup()
    kept.readAt = this.#deps.clock.monotonic()
    return await this.#relay(kept.whole, request.part, signal)
  }

  async stop(): Promise<void> {
    await this.#inTurn(() => this.#endDirect())
  }

  async #relay(whole: WholeBase, part: number, signal: AbortSignal): Promise<Answer> {
    const { reader, term, logger } = this.#deps
    if (part >= whole.parts) throw noSuchBackup()
    const last = part === whole.parts - 1
    const name = nameOf({ term: term(), base: whole.base, kind: 'base', sequence: 0 }, { part, last })
    let failure = new PeerbinError('copies-missing', 'No node has this piece of the backup.')
    for (const peer of whole.peers) {
      try {
        return answerOf(whole.base, last, await reader.get(peer, name, signal))
      } catch (error) {
        failure = asPeerbinError(error)
        logger.debug('a node does not give a piece of a backup', { peer, err: error })
      }
    }
    throw failure
  }

  async #answerDirectly({ backup, part }: Request): Promise<Answer> {
    if (backup === undefined) {
      await this.#endDirect()
      this.#direct = {
        number: ++this.#number,
        pieces: cut(this.#deps.source.base()),
        piece: undefined
      }
    }
    const direct = this.#direct
    if (direct === undefined || (backup !== undefined && backup !== direct.number)) throw noSuchBackup()
    if (direct.piece?.part !== part) direct.piece = await this.#nextPiece(direct, part)
    return answerOf(direct.number, direct.piece.last, direct.piece.bytes)
  }

  async #nextPiece(direct: DirectBackup, part: number): Promise<NonNullable<DirectBackup['piece']>> {
    const raw = await direct.pieces.next()
    if (raw.done === true || raw.value.part !== part) {
      await this.#endDirect()
      throw noSuchBackup()
    }
    const series = {
      term: this.#deps.term(),
      base: direct.number,
      kind: 'base',
      sequence: 0
    } as const
    const { bytes } = sealPiece(series, raw.value, this.#deps.clock.now(), this.#deps)
    return { part, last: raw.value.last, bytes }
  }

  async #endDirect(): Promise<void> {
    const direct = this.#direct
    this.#direct = undefined
    await direct?.pieces.return()
  }

  /** The store is read by one request at a time. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined) // whoever asked gets the error
    return await turn
  }
}

const answerOf = (backup: number, last: boolean, bytes: Uint8Array): Answer => ({
  message: { backup, last },
  body: { sizeBytes: bytes.byteLength, pieces: [bytes], repeatable: true }
})

const noSuchBackup = (): PeerbinError =>
  new PeerbinError('bad-request', 'There is no such piece of a backup: begin again.')
