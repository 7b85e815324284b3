/**
 * Access tokens: JWT (RFC 7519) signed with Ed25519, and nothing else. An edge has the public keys only; the controller makes and turns the private ones, and
 * signs. A token that verifies says who it was made for, not that its session still lives: session-watch.ts knows that.
 */

import { errors, importJWK, jwtVerify } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { sleep } from '../../runtime/deadline.ts'
import type { SessionId, UserId } from '../../types.ts'

export const ISSUER = 'peerbin'
const ALGORITHM = 'EdDSA'
/** Ours have some 350 characters; a longer one is not looked at. */
const TOKEN_LENGTH_MAX = 2048
const KID_LENGTH_MAX = 128
/** Between two fetches of the keys for a kid that is not known: anybody can make such kids up. */
const REFETCH_MS = 2000
/** Requests that wait for the next fetch because their kid is not known; more are refused. */
const WAITING_MAX = 64
/** Clocks of the machines of a cluster may be apart so much. */
const TOLERANCE_S = 5

/** What the controller tells about its keys. */
export interface SigningKeys {
  readonly keys: readonly JWK[]
  /** What tokens of this cluster are made for: their `aud`. */
  readonly audience: string
}

export interface AccessTokensDeps {
  /** @throws `no-controller` */
  readonly fetchKeys: () => Promise<SigningKeys>
  readonly clock: Clock
}

/** What a good token says. */
export interface TokenClaims {
  readonly user: UserId
  readonly session: SessionId
}

interface Keys {
  readonly byKid: ReadonlyMap<string, CryptoKey>
  readonly audience: string
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

const invalid = (cause?: unknown): PeerbinError => new PeerbinError('credentials-invalid', '', { cause })

export class AccessTokens {
  readonly #deps: AccessTokensDeps
  #keys: Keys = { byKid: new Map(), audience: '' }
  #fetching: Promise<void> | undefined
  /** Clock.monotonic() of the last fetch that was answered. */
  #fetchedAt = -Infinity
  #waiting = 0

  constructor(deps: AccessTokensDeps) {
    this.#deps = deps
  }

  /**
   * Verifies a token: algorithm, key, signature, issuer, audience, and that its time is now.
   * @throws `credentials-invalid`; `no-controller` when its key is not known here, and cannot be asked for
   */
  async verify(token: string): Promise<TokenClaims> {
    if (token.length > TOKEN_LENGTH_MAX) throw invalid()
    const kid = kidOf(token)
    const key = this.#keys.byKid.get(kid) ?? (await this.#unknown(kid))
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [ALGORITHM],
        typ: 'JWT',
        issuer: ISSUER,
        audience: this.#keys.audience,
        requiredClaims: ['iss', 'aud', 'sub', 'sid', 'iat', 'nbf', 'exp'],
        clockTolerance: TOLERANCE_S,
        currentDate: new Date(this.#deps.clock.now())
      })
      const { sub, sid } = payload
      if (typeof sub !== 'string' || !UUID.test(sub) || typeof sid !== 'string' || !UUID.test(sid))
        throw invalid()
      return { user: sub as UserId, session: sid as SessionId }
    } catch (error) {
      if (error instanceof errors.JOSEError) throw invalid(error)
      throw error
    }
  }

  /** The key of a kid that is not among those that are known: they are fetched again, now or as soon as that may be. */
  async #unknown(kid: string): Promise<CryptoKey> {
    if (this.#waiting >= WAITING_MAX) throw invalid()
    this.#waiting++
    try {
      this.#fetching ??= this.#fetch()
      await this.#fetching
    } finally {
      this.#waiting--
    }
    const key = this.#keys.byKid.get(kid)
    if (key === undefined) throw invalid()
    return key
  }

  async #fetch(): Promise<void> {
    const { clock, fetchKeys } = this.#deps
    try {
      const waitMs = this.#fetchedAt + REFETCH_MS - clock.monotonic()
      if (waitMs > 0) await sleep(clock, waitMs)
      const { keys, audience } = await fetchKeys()
      const byKid = new Map<string, CryptoKey>()
      for (const jwk of keys) {
        const key = await importJWK(jwk, ALGORITHM)
        if (jwk.kid !== undefined && !(key instanceof Uint8Array)) byKid.set(jwk.kid, key)
      }
      this.#keys = { byKid, audience }
      this.#fetchedAt = clock.monotonic()
    } finally {
      this.#fetching = undefined
    }
  }
}

/** The kid in the header of a token whose algorithm is ours. Nothing of it is believed yet. @throws `credentials-invalid` */
function kidOf(token: string): string {
  const parts = token.split('.')
  if (parts.length !== 3) throw invalid()
  let header: unknown
  try {
    header = JSON.parse(Buffer.from(parts[0] ?? '', 'base64url').toString('utf8'))
  } catch (error) {
    throw invalid(error) // not JSON
  }
  if (typeof header !== 'object' || header === null) throw invalid()
  if (!('alg' in header) || header.alg !== ALGORITHM) throw invalid()
  if (!('kid' in header) || typeof header.kid !== 'string' || header.kid.length > KID_LENGTH_MAX)
    throw invalid()
  return header.kid
}
