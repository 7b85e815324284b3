import type { Membership } from '../../cluster/membership.ts'
import type { Config } from '../../config.ts'
import { asPeerbinError, hasCode, PeerbinError } from '../../errors.ts'
import type { Clock, Logger, Random, SnapshotName } from '../../interfaces.ts'
import { deadline, withDeadline } from '../../runtime/deadline.ts'
import type { Deadline } from '../../runtime/deadline.ts'
import type { PeerId, SecretHash } from '../../types.ts'
import type { Leadership } from '../leadership.ts'
import { chooseHolders } from './holders.ts'
import type { SnapshotWriter } from './node-snapshots.ts'
import { NOTE_LINKS_MAX, sealNote } from './note-content.ts'
import type { TouchedLink } from './note-content.ts'
import { nobodyTookNote, placeNote, RETRY_AFTER_MS } from './note-placement.ts'
import type { Piece } from './pieces.ts'
import type { Position } from './shipper.ts'

/** Notes on their way at once; links that come meanwhile go together in the next one. */
const NOTES_AT_ONCE = 2
/** Nodes that can be asked for one note, before it fails. */
const ASKED_MAX = 12
/** Pieces on their way to one node, the answers to which nobody may be waiting for any more. */
const PER_NODE_MAX = 16
/** Redemptions that wait; more are turned away. */
const WAITING_MAX = 4096
/** Links that are known to be noted, and notes that are known to be on nodes: what is forgotten is noted again, or removed with the next base. */
const REMEMBERED_MAX = 20_000

/** A link that was touched; for a claim also which, and when it was made (store's time). */
export type Touched =
  | {
      readonly what: 'claimed'
      readonly tokenHash: SecretHash
      readonly claimHash: SecretHash
      readonly claimedAt: number
    }
  | { readonly what: 'revoked'; readonly tokenHash: SecretHash; readonly deleteHash: SecretHash }

export interface NoteBookDeps {
  readonly self: PeerId
  readonly writer: SnapshotWriter
  readonly secret: Uint8Array
  readonly membership: Membership
  readonly leadership: Leadership
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config['snapshot']
  readonly counts: (peer: PeerId) => boolean
  readonly shipped: { readonly next: Position; readonly peers: PeerId[]; readonly coveredUntil: number }
}

interface Waiting {
  readonly link: TouchedLink
  readonly resolve: () => void
  readonly reject: (error: PeerbinError) => void
}

interface SentNote {
  readonly name: SnapshotName
  readonly coveredBy: number
  readonly peers: readonly PeerId[]
}

/**
 * Has nodes take note of links that were redeemed or taken back, before anybody is told so: the changes of the metadata follow seconds later, and this machine may be
 * lost in between. Notes of the same moment go together.
 */
export class NoteBook {
  readonly #deps: NoteBookDeps
  readonly #stopping = new AbortController()
  /** Links whose note is on its way, by what was noted. */
  readonly #underWay = new Map<string, Promise<void>>()
  readonly #noted = new Set<string>()
  readonly #perNode = new Map<PeerId, number>()
  readonly #puts = new Set<Promise<unknown>>()
  #waiting: Waiting[] = []
  #sent: SentNote[] = []
  #sending = 0
  #sequence = 0

  constructor(deps: NoteBookDeps) {
    this.#deps = deps
  }

  /**
   * Resolves when two nodes on other machines will remember it, or as many as there are. Saying it again is harmless.
   * @throws `copies-missing` when none could be told in time
   */
  async note(touched: Touched, signal?: AbortSignal): Promise<void> {
    const { clock, config, shipped } = this.#deps
    const key = keyOf(touched)
    if (this.#noted.has(key)) return
    if (touched.what === 'claimed' && touched.claimedAt < shipped.coveredUntil) return
    const noting = this.#underWay.get(key) ?? this.#begin(key, touched)
    try {
      await withDeadline(clock, config.noteTimeoutMs, signal, () => noting)
    } catch (error) {
      if (!hasCode(error, 'deadline-exceeded')) throw error
      throw nobodyTookNote(error)
    }
  }

  /** Forgets notes that are in what all nodes have by now. */
  async covered(position: Position, signal: AbortSignal): Promise<void> {
    const isCovered = ({ name, coveredBy }: SentNote): boolean =>
      name.base < position.base || (name.base === position.base && coveredBy <= position.changes)
    const done = this.#sent.filter(isCovered)
    if (done.length === 0) return
    this.#sent = this.#sent.filter((note) => !isCovered(note))
    const byPeer = new Map<PeerId, SnapshotName[]>()
    for (const { name, peers } of done)
      for (const peer of peers) byPeer.set(peer, [...(byPeer.get(peer) ?? []), name])
    await Promise.all([...byPeer].map(([peer, names]) => this.#drop(peer, names, signal)))
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new PeerbinError('shutting-down'))
    for (const waiting of this.#waiting.splice(0)) waiting.reject(new PeerbinError('shutting-down'))
    await Promise.allSettled(this.#puts)
  }

  #begin(key: string, touched: Touched): Promise<void> {
    if (this.#stopping.signal.aborted) throw new PeerbinError('shutting-down')
    if (this.#waiting.length >= WAITING_MAX)
      throw new PeerbinError('busy', '', { retryAfterMs: RETRY_AFTER_MS })
    const noting = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ link: touched, resolve, reject })
    }).then(() => {
      this.#noted.add(key)
      const [oldest] = this.#noted
      if (this.#noted.size > REMEMBERED_MAX && oldest !== undefined) this.#noted.delete(oldest)
    })
    this.#underWay.set(key, noting)
    const forget = (): void => void this.#underWay.delete(key)
    noting.then(forget, forget) // whoever waits for it gets the error
    this.#pump()
    return noting
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#sending < NOTES_AT_ONCE) {
      const batch = this.#waiting.splice(0, NOTE_LINKS_MAX)
      this.#sending++
      const sending = this.#send(batch).finally(() => {
        this.#sending--
        this.#puts.delete(sending)
        this.#pump()
      })
      this.#puts.add(sending)
    }
  }

  /** Tells everybody of the batch how it went; never rejects. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    const { leadership, shipped } = this.#deps
    try {
      leadership.assert()
      const { base, changes } = shipped.next // after the change itself, so that what covers it was taken later
      const name = {
        term: leadership.term,
        base,
        kind: 'note',
        sequence: ++this.#sequence,
        part: 0,
        parts: 1
      } as const
      const links = batch.map(({ link }) => link)
      await this.#place(sealNote(name, { coveredBy: changes, links }, this.#deps), changes)
      for (const { resolve } of batch) resolve()
    } catch (error) {
      const failure = asPeerbinError(error)
      for (const { reject } of batch) reject(failure)
    }
  }

  async #place(piece: Piece, coveredBy: number): Promise<void> {
    const { clock, config, counts, membership, self, shipped } = this.#deps
    const limit = deadline(clock, config.noteTimeoutMs, this.#stopping.signal)
    const ranked = chooseHolders(membership.all(), {
      count: ASKED_MAX,
      ownHost: membership.get(self)?.host,
      current: new Set(shipped.peers)
    }).map(({ peer }) => peer)
    const asked: PeerId[] = []
    this.#remember({ name: piece.name, coveredBy, peers: asked })
    const { safe, ended } = placeNote({
      clock,
      timeoutMs: config.noteTimeoutMs,
      signal: limit.signal,
      ranked,
      counting: ranked.filter(counts).length,
      asked,
      tell: (peer) => this.#tell(peer, piece, limit)
    })
    // nodes that are not waited for may take as long as the limit allows
    const rest = ended.finally(() => {
      limit[Symbol.dispose]()
      this.#puts.delete(rest)
    })
    this.#puts.add(rest)
    await safe
  }

  /** Resolves when a node that counts has it. */
  async #tell(peer: PeerId, piece: Piece, limit: Deadline): Promise<void> {
    const { writer, config, logger, counts } = this.#deps
    const underWay = this.#perNode.get(peer) ?? 0
    if (underWay >= PER_NODE_MAX) throw new PeerbinError('busy', 'the node does not answer')
    this.#perNode.set(peer, underWay + 1)
    try {
      await writer.put(peer, piece, limit.signal, config.noteTimeoutMs)
    } catch (error) {
      logger.debug('a node did not take note', { peer, err: error })
      throw error
    } finally {
      this.#perNode.set(peer, (this.#perNode.get(peer) ?? 1) - 1)
    }
    if (!counts(peer))
      throw new PeerbinError('copies-missing', 'a node of this machine would be lost with it')
  }

  #remember(note: SentNote): void {
    this.#sent.push(note)
    if (this.#sent.length > REMEMBERED_MAX) this.#sent.shift()
  }

  async #drop(peer: PeerId, names: readonly SnapshotName[], signal: AbortSignal): Promise<void> {
    try {
      await this.#deps.writer.drop(peer, names, signal)
    } catch (error) {
      // they go with the next base
      this.#deps.logger.debug('a node did not drop its notes', { peer, err: error })
    }
  }
}

const keyOf = (touched: Touched): string =>
  `${touched.what} ${touched.tokenHash} ${touched.what === 'claimed' ? touched.claimHash : ''}`
