/** An edge without HTTP: production's upload and redemption, with the sending done by the simulator. */

import { shareParts } from '../../src/compose/share-parts.ts'
import type { ShareParts } from '../../src/compose/share-parts.ts'
import type { Peer } from '../../src/compose/peer.ts'
import type { EdgeContext } from '../../src/edge/context.ts'
import { obstacle } from '../../src/edge/link-state.ts'
import { claimLink, findClaim, orRelease } from '../../src/edge/redeem.ts'
import type { Redemption } from '../../src/edge/redeem.ts'
import { EventFeed } from '../../src/edge/events/event-feed.ts'
import { ClaimReporter } from '../../src/edge/transfer/claim-reporter.ts'
import { IndexShelf } from '../../src/edge/delivery/index-shelf.ts'
import { ClaimTable } from '../../src/edge/transfer/claim-table.ts'
import type { ClaimShare } from '../../src/edge/transfer/claim-table.ts'
import { Transfers } from '../../src/edge/transfer/transfers.ts'
import { PasswordHasher } from '../../src/client/password-hasher.ts'
import { PeerbinError } from '../../src/errors.ts'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { CHUNK_BYTES } from './settings.ts'
import type { SimProcess } from './sim-process.ts'

export interface DownloadRequest {
  readonly token: string
  readonly secret: string
  /** Who made the secret: see edge/redeem.ts. `resume`: it is looked up, and makes no claim. */
  readonly origin: 'client' | 'edge' | 'resume'
  /** First byte that is wanted. */
  readonly from: number
  /** The first header has left: from now on the client is a claimant. */
  readonly onGranted: () => void
  /** Gets bytes; false: the client has gone away. */
  readonly onBytes: (bytes: Uint8Array) => boolean
}

export class SimEdge {
  readonly name: string
  readonly process: SimProcess
  readonly peer: Peer
  readonly parts: ShareParts
  /** Stands between the reader and the client. */
  spoil: (bytes: AsyncGenerator<Uint8Array>) => AsyncGenerator<Uint8Array> = (bytes) => bytes
  readonly events: EventFeed
  readonly #context: EdgeContext

  constructor(peer: Peer, process: SimProcess, name: string) {
    this.name = name
    this.peer = peer
    this.process = process
    this.parts = shareParts(peer, { chunkBytes: CHUNK_BYTES })
    const { controller, membership, clock, random, logger, config } = peer
    this.events = new EventFeed(peer)
    // what has to do with HTTP is not here
    const context: Omit<
      EdgeContext,
      | 'assets'
      | 'version'
      | 'clusterName'
      | 'url'
      | 'addresses'
      | 'uploadLocks'
      | 'accounts'
      | 'sessions'
      | 'history'
      | 'events'
      | 'webhooks'
    > = {
      ...this.parts,
      controller,
      membership,
      clock,
      random,
      logger,
      config,
      transfers: new Transfers(),
      claims: new ClaimTable(config.link),
      indexes: new IndexShelf({ ...this.parts, controller, clock, config }),
      passwords: new PasswordHasher(peer)
    }
    this.#context = context as EdgeContext
  }

  /** Serves a download as edge/transfer/serve-claim.ts does. @throws what the client would be told */
  async download(request: DownloadRequest): Promise<void> {
    const redemption = await this.#redeem(request)
    const { file, claim, chunks } = redemption.answer
    const range = { start: request.from, end: file.sizeBytes }
    const context = this.#context
    const share = await orRelease(context, redemption, async () => context.claims.enter(claim, file))
    const over = new AbortController()
    const reporter = this.#reporter(redemption, range.start, share, over)
    try {
      const body = await orRelease(context, redemption, async () => {
        const { id, sizeBytes, chunkCount } = file
        const { signal } = over
        const bytes = await context.reader.prepare({
          file: id,
          sizeBytes,
          chunkCount,
          firstPage: chunks,
          range,
          signal
        })
        try {
          if (!redemption.made && claim.bytesSent === 0 && !(await reporter.ahead()))
            throw new PeerbinError('claim-unknown')
          return bytes
        } catch (error) {
          await bytes.return(undefined)
          throw error
        }
      })
      request.onGranted()
      await this.#send(request, this.spoil(body), share, reporter)
    } finally {
      context.transfers.follow(reporter.finish().finally(() => share.leave()))
    }
  }

  async #redeem({ token, secret, origin }: DownloadRequest): Promise<Redemption> {
    const tokenHash = hashSecret(token)
    const { signal } = new AbortController()
    const options = { password: undefined, proofHash: undefined, signal }
    if (origin !== 'resume') return await claimLink(this.#context, tokenHash, secret, { origin, ...options })
    const found = await findClaim(this.#context, tokenHash, secret)
    if (found !== undefined) return found
    // treated as a stranger, as the edge's route does: a link that a recovery suspended says so
    const { found: link, now } = await this.#context.controller.call('findLink', { tokenHash })
    throw (link && obstacle(link.link, now)) ?? new PeerbinError('claim-unknown')
  }

  async #send(
    request: DownloadRequest,
    body: AsyncGenerator<Uint8Array>,
    share: ClaimShare,
    reporter: ClaimReporter
  ): Promise<void> {
    for await (const piece of body) {
      const granted = share.spend(piece.byteLength)
      reporter.handed(granted)
      if (granted < piece.byteLength) throw new PeerbinError('claim-over-budget')
      if (!request.onBytes(piece.slice())) return
      reporter.sent(granted)
    }
  }

  #reporter(
    { tokenHash, answer }: Redemption,
    start: number,
    share: ClaimShare,
    over: AbortController
  ): ClaimReporter {
    const { controller, clock, random, logger, config } = this.#context
    return new ClaimReporter({
      controller,
      clock,
      random,
      logger,
      tokenHash,
      claimHash: answer.claim.claimHash,
      intervalMs: config.link.reportIntervalMs,
      start,
      onAnswer: (bytes, { claim, now }) => {
        share.reported(bytes, claim)
        if (claim === null || claim.state === 'released' || claim.leaseUntil <= now)
          over.abort(new PeerbinError('claim-unknown'))
      }
    })
  }
}
