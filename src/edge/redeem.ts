/** Claims: asking the controller for one, and giving one back that could not be used. */

import type { FastifyRequest } from 'fastify'
import { withPassword } from '../client/with-password.ts'
import type { GivenPassword } from '../client/with-password.ts'
import { asPeerbinError, hasCode, PeerbinError } from '../errors.ts'
import type { ClaimAnswer } from '../protocol/messages.ts'
import { hashSecret } from '../protocol/secrets.ts'
import { sleep } from '../runtime/deadline.ts'
import type { SecretHash } from '../types.ts'
import type { EdgeContext } from './context.ts'
import { clientHash } from './limits/client-address.ts'
import { refusal } from './link-state.ts'

export type Granted = Extract<ClaimAnswer, { outcome: 'claimed' }>

/** A claim that may be served, and what this request knows of how it came about. */
export interface Redemption {
  readonly tokenHash: SecretHash
  readonly secret: string
  readonly answer: Granted
  /** This request made the claim and may give it back, as long as no header of its answer has left. */
  readonly made: boolean
}

/** What is looked up for a token: also for one of the wrong length, so that the answer takes the same time. */
export const tokenHashOf = (token: string): SecretHash => hashSecret(token)

/** The claim behind a secret, if it may be served now. Makes none. */
export async function findClaim(
  context: EdgeContext,
  tokenHash: SecretHash,
  secret: string
): Promise<Redemption | undefined> {
  const answer = await context.controller.call('findClaim', { tokenHash, claimHash: hashSecret(secret) })
  return answer.outcome === 'claimed' ? { tokenHash, secret, answer, made: false } : undefined
}

/**
 * Who made the secret of a claim. `edge`: this request did, so nobody else can have used it. `page`: our page did, so that pressing twice
 * is asking twice; if nothing can be sent, the way back is the page with a new secret. `client`: a program keeps it and asks again with it, and
 * gets the same yes for as long as the lease runs; so that one is never given back.
 */
export type SecretOrigin = 'edge' | 'page' | 'client'

/** A password as it counts for the limits: an attempt of whoever sent the request. */
export const passwordOf = (request: FastifyRequest, text: string | undefined): GivenPassword | undefined =>
  text === undefined ? undefined : { text, client: clientHash(request) }

/**
 * Whether what the file is may be told to whoever gives this password: true when it is right, or the link needs none; false when there is no such link. Counts as an attempt like
 * that of a claim, and claims nothing.
 * @throws `password-required`, `password-wrong`, `password-attempts`, `busy`; the signal's reason
 */
export async function checkPassword(
  context: EdgeContext,
  tokenHash: SecretHash,
  given: GivenPassword | undefined,
  signal: AbortSignal
): Promise<boolean> {
  const { outcome } = await withPassword(
    context.passwords,
    given,
    (shown) => context.controller.call('checkPassword', { tokenHash, ...shown }),
    signal
  )
  return outcome !== 'unknown'
}

export interface ClaimOptions {
  readonly origin: SecretOrigin
  readonly password: GivenPassword | undefined
  /** Of the key of an encrypted file, where one was shown (http/proof.ts). */
  readonly proofHash: SecretHash | undefined
  /** Aborts when the client goes away: its password need not be hashed any more. */
  readonly signal: AbortSignal
}

/**
 * Makes a claim with this secret, or finds the one that was made with it.
 * @throws why not
 */
export async function claimLink(
  context: EdgeContext,
  tokenHash: SecretHash,
  secret: string,
  { origin, password, proofHash, signal }: ClaimOptions
): Promise<Redemption> {
  const claimHash = hashSecret(secret)
  const proof = proofHash === undefined ? {} : { proofHash }
  const answer = await withPassword(
    context.passwords,
    password,
    async (shown) => {
      try {
        return await context.controller.call('claimLink', { tokenHash, claimHash, ...shown, ...proof })
      } catch (error) {
        // the outcome is unknown: a claim may have been made, or still be, whose secret nobody will ever come with
        if (origin !== 'client' && hasCode(error) && error.retryable)
          context.transfers.follow(releaseUntilHeard(context, tokenHash, claimHash))
        throw error
      }
    },
    signal
  )
  if (answer.outcome !== 'claimed') throw refusal(answer.outcome)
  // of a page's claim nothing was sent yet: another request with its secret that is about to send reports a byte first, and then it is not given back
  const unused = answer.claim.bytesSent === 0
  return { tokenHash, secret, answer, made: origin === 'edge' || (origin === 'page' && unused) }
}

/** Of these the link is known, and somebody came for it in vain. That a password is needed is no failure yet. */
const REFUSALS_TOLD = [
  'link-used',
  'link-expired',
  'link-revoked',
  'password-wrong',
  'password-attempts',
  'proof-wrong'
] as const

/** As claimLink, and noted where it is refused. */
export async function claimNoted(
  context: EdgeContext,
  request: FastifyRequest,
  tokenHash: SecretHash,
  secret: string,
  options: ClaimOptions
): Promise<Redemption> {
  try {
    return await claimLink(context, tokenHash, secret, options)
  } catch (error) {
    if (hasCode(error, ...REFUSALS_TOLD))
      context.history.record({ request, action: 'link.download', link: tokenHash, bytes: 0, error })
    throw error
  }
}

/** Gives a claim back that this request made and sent nothing of; says whether the controller has heard of it. Never rejects. */
async function release(context: EdgeContext, tokenHash: SecretHash, claimHash: SecretHash): Promise<boolean> {
  try {
    await context.controller.call('releaseClaim', { tokenHash, claimHash })
    return true
  } catch (error) {
    context.logger.warn('a claim could not be given back yet', { code: asPeerbinError(error).code })
    return false
  }
}

/** Between two attempts; each of them is repeated by the client of the controller for `controller.callTimeoutMs`. */
const RELEASE_RETRY_MS = 1000
/** Claims that wait for a controller to hear that they are given back; for more there is one attempt each. */
const RELEASES_WAITING_MAX = 10_000

/** Tries for as long as the claim can live: an outage of the controller must not use up a link. Never rejects. */
async function releaseUntilHeard(
  context: EdgeContext,
  tokenHash: SecretHash,
  claimHash: SecretHash
): Promise<void> {
  const { clock, config, transfers } = context
  const endsAt = clock.monotonic() + config.link.leaseMs
  while (!(await release(context, tokenHash, claimHash))) {
    if (clock.monotonic() >= endsAt || transfers.following > RELEASES_WAITING_MAX) return
    try {
      await sleep(clock, RELEASE_RETRY_MS, transfers.ending)
    } catch {
      return // the edge stops
    }
  }
}

/**
 * Runs the part between a claim and the first header of its answer. When it fails and this request made the claim, the link
 * is as good as new for the next one.
 */
export async function orRelease<T>(
  context: EdgeContext,
  redemption: Redemption,
  work: () => Promise<T>
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (redemption.made) {
      const { tokenHash, answer } = redemption
      const { claimHash } = answer.claim
      if (!(await release(context, tokenHash, claimHash)))
        context.transfers.follow(releaseUntilHeard(context, tokenHash, claimHash))
    }
    throw unavailable(error)
  }
}

/** When a copy of the file may be within reach again. */
const RETRY_MS = 5000

/** A failure to get the first bytes is told as what it means for the recipient: later. */
function unavailable(error: unknown): PeerbinError {
  const known = asPeerbinError(error)
  if (known.retryAfterMs !== undefined || known.status < 500) return known
  const code = known.retryable && known.status === 503 ? known.code : 'chunk-unavailable'
  return new PeerbinError(code, '', { cause: error, retryAfterMs: RETRY_MS })
}
