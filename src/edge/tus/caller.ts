/** Who makes a request for an upload that goes on later, and what that is counted by: a stranger by the address, a user by the account, whose upload is reached by nobody else. */

import type { FastifyRequest } from 'fastify'
import { PeerbinError, hasCode } from '../../errors.ts'
import { readBody } from '../http/request-body.ts'
import type { Ended } from '../../client/resume/resumable-writer.ts'
import type { EntryId, EntryRecord, UploadId, UserId } from '../../types.ts'
import type { Actor } from '../accounts/actor.ts'
import { assertPermitted } from '../accounts/permissions.ts'
import type { Guard } from '../accounts/session-watch.ts'
import type { EdgeContext } from '../context.ts'
import { headerOf } from '../http/accept.ts'
import type { UploadPass } from '../limits/address-limits.ts'
import { clientAddress } from '../limits/client-address.ts'
import type { Transfer } from '../transfer/transfers.ts'
import { wantsEntry } from './entry-metadata.ts'
import { noteEnd, noteFailure } from './note-end.ts'
import type { NotedBy } from './note-end.ts'
import { isSentBy, wantsBatch } from './pool-metadata.ts'
import type { GivenMetadata } from './upload-plan.ts'

/** `creation` begins an upload, `part` goes on with one, `question` brings nothing. */
export type RequestKind = 'creation' | 'part' | 'question'

export interface TusCallerDeps {
  readonly context: EdgeContext
  readonly request: FastifyRequest
  readonly kind: RequestKind
  /** What the request brings; undefined: it does not say. */
  readonly announcedBytes: number | undefined
}

export class TusCaller {
  readonly #deps: TusCallerDeps
  /** What has come is stored, whether or not its client is still there: only the edge's stop ends it, and the end of a user's session. */
  readonly #transfer: Transfer
  #signal: AbortSignal
  #pass: UploadPass | undefined
  #guard: Guard | undefined
  #actor: Actor | undefined

  constructor(deps: TusCallerDeps) {
    this.#deps = deps
    this.#transfer = deps.context.transfers.hold()
    this.#signal = this.#transfer.signal
  }

  get signal(): AbortSignal {
    return this.#signal
  }

  /**
   * Whose the upload is to be that a creation describes; undefined: nobody's, it gets a link. The cookie that a browser sends with everything makes it a user's only where the
   * description asks for that; a program that shows a token means it.
   * @throws `credentials-missing`, `credentials-invalid`, `permission-denied`
   */
  async ownerOf(given: GivenMetadata): Promise<Actor | undefined> {
    if (wantsBatch(given)) {
      const sender = await this.#identify('pools')
      if (sender === undefined) throw new PeerbinError('credentials-missing')
      return sender
    }
    const wants = wantsEntry(given)
    const { headers } = this.#deps.request
    const isShown = /^Bearer(?: |$)/i.test(headerOf(headers, 'authorization') ?? '')
    if (wants === 'no' && !isShown) return undefined
    const actor = await this.#identify('files:write')
    if (actor === undefined && wants === 'asked') throw new PeerbinError('credentials-missing')
    return actor
  }

  /**
   * Lets the request at an upload, and counts it. To be called before anything of the body is read.
   * @param owner undefined: the upload is nobody's, and its address is all it takes
   * @param scope what a key needs: `pools` for a file of a batch, which counts as a part of that
   * @throws `credentials-missing`, `credentials-invalid`, `permission-denied`; `too-many-transfers`, `too-many-uploads`, `daily-bytes-used`
   */
  async admit(owner: UserId | undefined, scope: 'files:write' | 'pools' = 'files:write'): Promise<void> {
    if (owner === undefined) return this.#count(clientAddress(this.#deps.request), 'anonymous')
    const actor = await this.#identify(scope)
    if (actor === undefined) throw new PeerbinError('credentials-missing')
    if (actor.user !== owner) throw new PeerbinError('permission-denied')
    this.#count(owner, 'user', scope === 'pools')
    this.#guard ??= this.#deps.context.sessions.guard(actor)
    this.#signal = AbortSignal.any([this.#transfer.signal, this.#guard.signal])
  }

  /**
   * Lets the request at an upload that has become a version of a file: of its owner's, and of nobody else's, whatever an administrator may do with the file itself.
   * @returns undefined when the file is not there any more
   */
  async admitToEntry(id: EntryId): Promise<EntryRecord | undefined> {
    const actor = await this.#identify()
    if (actor === undefined) throw new PeerbinError('credentials-missing')
    const { controller } = this.#deps.context
    try {
      // by the upload's secret it was found: whose it is decides, here for users and below for pools
      const { entry } = await controller.call('getEntry', { actor: { user: actor.user, role: 'admin' }, id })
      const scope = entry.owner === actor.user ? 'files:write' : 'pools'
      assertPermitted({ who: 'user', scope }, actor)
      if (scope === 'pools' && !(await isSentBy({ controller }, actor, entry)))
        throw new PeerbinError('permission-denied')
      return entry
    } catch (error) {
      if (hasCode(error, 'file-unknown')) return undefined
      throw error
    }
  }

  /** Notes an upload that this request brought to its end; two that did so at once, on two edges, note one. */
  noteEnd(upload: UploadId, ended: Ended, path: string): void {
    noteEnd(this.#noted(), upload, ended, path)
  }

  /** Notes one that is over, if what was thrown says so: of the others the sender may go on with. */
  noteFailure(upload: UploadId, what: { path: string; bytes: number }, error: unknown): void {
    noteFailure(this.#noted(), upload, what, error)
  }

  #noted(): NotedBy {
    const { context, request } = this.#deps
    return { history: context.history, request, actor: this.#actor }
  }

  /** The body as it comes. */
  async *body(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of readBody(this.#deps.request.raw)) {
      this.#pass?.received(piece.byteLength)
      yield piece
    }
  }

  [Symbol.dispose](): void {
    this.#guard?.[Symbol.dispose]()
    this.#pass?.[Symbol.dispose]()
    this.#transfer[Symbol.dispose]()
  }

  #count(key: string, party: 'anonymous' | 'user', isPart = false): void {
    const { context, kind, announcedBytes } = this.#deps
    if (this.#pass !== undefined || kind === 'question') return
    const { addresses } = context
    this.#pass =
      kind === 'creation' && !isPart
        ? addresses.upload(key, party, announcedBytes)
        : addresses.part(key, party, announcedBytes)
  }

  /** @param scope undefined: that is looked at later */
  async #identify(scope?: 'files:write' | 'pools'): Promise<Actor | undefined> {
    this.#actor ??= await this.#deps.context.accounts.identify(this.#deps.request)
    if (this.#actor !== undefined && scope !== undefined) assertPermitted({ who: 'user', scope }, this.#actor)
    return this.#actor
  }
}
