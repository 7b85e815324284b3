/** Redemption of share links. The rules are in docs/share-links.md; the decisions themselves are the store's conditional updates. */

import type { Config } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { Claim, FoundLink, MetadataStore } from '../metadata-store.ts'
import { claimBudget } from '../protocol/claim-budget.ts'
import type { ClaimAnswer, ControlMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'
import { challengeOf, isPassword, tagHash } from '../protocol/password.ts'
import { deliveredBytesMax } from '../protocol/payload.ts'
import { failpoints } from '../runtime/failpoints.ts'
import type { ClaimRecord, PasswordRecord, PeerId, SecretHash } from '../types.ts'
import type { FileChunks } from './file-chunks.ts'
import type { PasswordAttempts } from './password-attempts.ts'
import type { Snapshots } from './snapshots/snapshots.ts'
import type { StoreTime } from './store-time.ts'

type Request<K extends keyof ControlMessages> = RequestOf<ControlMessages, K>
type Response<K extends keyof ControlMessages> = ResponseOf<ControlMessages, K>

export interface LinkServiceDeps {
  self: PeerId
  store: MetadataStore
  chunks: FileChunks
  time: StoreTime
  attempts: PasswordAttempts
  config: Config['link']
  /** Has nodes take note of what must not be forgotten with this machine. */
  notes: Pick<Snapshots, 'note'>
  /** Told when a link has ended before its time, so that its file need not wait for the settler's round. */
  onEnded: () => void
}

/** What an edge may know of a link: that it has a password, and not which. */
const publicOf = ({ link, file }: FoundLink): Pick<FoundLink, 'link' | 'file'> => ({ link, file })

const required = (
  password: PasswordRecord,
  retryAfterMs: number
): Extract<ClaimAnswer, { outcome: 'password-required' }> => ({
  outcome: 'password-required',
  challenge: challengeOf(password),
  retryAfterMs
})

export class LinkService {
  readonly #deps: LinkServiceDeps

  constructor(deps: LinkServiceDeps) {
    this.#deps = deps
  }

  async find({ tokenHash }: Request<'findLink'>): Promise<Response<'findLink'>> {
    const found = await this.#deps.store.findLink(tokenHash)
    return { found: found === undefined ? null : publicOf(found), now: this.#deps.time.now() }
  }

  /**
   * A proof is compared only when an attempt is left, and that is taken before: of many that come at once no more are compared than are left. A request that is repeated because
   * its answer was lost finds the claim it made, whatever is left by then.
   */
  async claim({
    tokenHash,
    claimHash,
    proof,
    client,
    proofHash
  }: Request<'claimLink'>): Promise<ClaimAnswer> {
    const { self, store, time, attempts, config } = this.#deps
    if (failpoints.armed) await failpoints.hit('link.claim.beforeStore', self)
    const { result, now } = await this.#attempt(tokenHash, proof, client, async (shown) => {
      // nothing is awaited between these two, so that claims reach the store in the order of their times
      const now = time.now()
      const { leaseMs } = config
      const result = await store.claimLink({ tokenHash, claimHash, now, leaseMs, shown, proofHash })
      return { result, now, isWrong: result.outcome === 'password-wrong' }
    })
    if (failpoints.armed) await failpoints.hit('link.claim.afterCommit', self)
    if (result.outcome === 'password-required')
      return required(result.password, attempts.waitMs(tokenHash, client))
    return await this.#answer(result, now)
  }

  /** Spends nothing but attempts. */
  async check({ tokenHash, proof, client }: Request<'checkPassword'>): Promise<Response<'checkPassword'>> {
    const { store, attempts } = this.#deps
    const { outcome, password } = await this.#attempt(tokenHash, proof, client, async (shown) => {
      const found = await store.findLink(tokenHash)
      if (found === undefined) return { outcome: 'unknown', password: null, isWrong: false } as const
      const { password } = found
      if (password === null) return { outcome: 'open', password, isWrong: false } as const
      if (shown === undefined) return { outcome: 'password-required', password, isWrong: false } as const
      const isRight = isPassword(password, shown)
      return { outcome: isRight ? 'password-right' : 'password-wrong', password, isWrong: !isRight } as const
    })
    return outcome === 'password-required'
      ? required(password, attempts.waitMs(tokenHash, client))
      : { outcome }
  }

  /** Does `work` with what was shown, or with nothing where no attempt is left; one that was not wrong is given back. */
  async #attempt<T extends { isWrong: boolean }>(
    tokenHash: SecretHash,
    proof: string | undefined,
    client: string | undefined,
    work: (shown: SecretHash | undefined) => Promise<T>
  ): Promise<T> {
    if (proof === undefined) return await work(undefined)
    const attempt = this.#deps.attempts.take(tokenHash, client)
    if (attempt.waitMs > 0) return await work(undefined)
    let isWrong = false
    try {
      const result = await work(tagHash(proof))
      isWrong = result.isWrong
      return result
    } finally {
      if (!isWrong) attempt.giveBack()
    }
  }

  async findClaim({ tokenHash, claimHash }: Request<'findClaim'>): Promise<ClaimAnswer> {
    const now = this.#deps.time.now()
    return await this.#answer(await this.#deps.store.findClaim({ tokenHash, claimHash, now }), now)
  }

  async #answer(result: Exclude<Claim, { outcome: 'password-required' }>, now: number): Promise<ClaimAnswer> {
    if (result.outcome !== 'claimed') return { outcome: result.outcome }
    const { claim, file } = result
    await this.#note(claim)
    // it has sent all it may, and serves nothing more
    if (claim.bytesSent >= claimBudget(deliveredBytesMax(file), this.#deps.config))
      throw new PeerbinError('claim-over-budget')
    return { outcome: 'claimed', claim, file, chunks: await this.#deps.chunks.page(file.id, 0), now }
  }

  /**
   * Nobody is told of a claim that would be forgotten if this machine were lost now. When that fails the claim stands all the same, and whoever made it comes
   * back with it.
   */
  async #note({ tokenHash, claimHash, claimedAt }: ClaimRecord): Promise<void> {
    await this.#deps.notes.note({ what: 'claimed', tokenHash, claimHash, claimedAt })
  }

  /**
   * Counts what was sent; never refuses, since it was sent already. An edge reads in the answer how much all edges together have sent, and cuts the
   * claim off at its budget; a report that came over it would only be repeated if it were turned away.
   */
  async report(message: Request<'reportClaim'>): Promise<Response<'reportClaim'>> {
    const { self, store, time, config } = this.#deps
    const now = time.now()
    const claim = await store.reportClaim({
      ...message,
      now,
      leaseMs: config.leaseMs,
      leaseMaxMs: config.leaseMaxMs,
      graceMs: config.graceMs
    })
    if (failpoints.armed) await failpoints.hit('link.report.afterStore', self)
    return { claim: claim ?? null, now }
  }

  async release(message: Request<'releaseClaim'>): Promise<Response<'releaseClaim'>> {
    const released = await this.#deps.store.releaseClaim(message)
    if (failpoints.armed) await failpoints.hit('link.release.afterStore', this.#deps.self)
    return { released }
  }

  async revoke(message: Request<'revokeLink'>): Promise<Response<'revokeLink'>> {
    const link = await this.#deps.store.revokeLink({ ...message, now: this.#deps.time.now() })
    if (failpoints.armed) await failpoints.hit('link.revoke.afterStore', this.#deps.self)
    this.#deps.onEnded()
    await this.#deps.notes.note({ what: 'revoked', ...message })
    return { link }
  }

  async findSent({ deleteHash }: Request<'findSentLink'>): Promise<Response<'findSentLink'>> {
    const found = await this.#deps.store.findSentLink(deleteHash)
    return { found: found ?? null, now: this.#deps.time.now() }
  }

  async listClaims(message: Request<'listClaims'>): Promise<Response<'listClaims'>> {
    return { claims: await this.#deps.store.listClaims(message) }
  }

  /**
   * Nodes take no note of it: if this machine is lost before the next snapshot, the link has its earlier end again (docs/recovery.md), which gives nobody
   * anything that was not theirs.
   */
  async extend(message: Request<'extendLink'>): Promise<Response<'extendLink'>> {
    const { store, time, config } = this.#deps
    const now = time.now()
    return { link: await store.extendLink({ ...message, ttlMaxMs: config.ttlMaxMs, now }), now }
  }
}
