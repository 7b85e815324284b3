/**
 * The keys that sign access tokens (JWT, EdDSA with Ed25519: RFC 7519, RFC 8037). Private keys never leave the controller; the metadata keeps them sealed with the cluster's key, so
 * that a snapshot or a backup in the wrong hands signs nothing. A new key takes over every `keyRotationMs`; the ones before it verify until what they signed has expired.
 */

import { createPrivateKey, createPublicKey } from 'node:crypto'
import { SignJWT } from 'jose'
import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import type { Logger, Random } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import { SIGNING_KEYS_MAX } from '../../protocol/limits.ts'
import { open, seal } from '../../protocol/sealed.ts'
import type { SealFormat } from '../../protocol/sealed.ts'
import { randomUuid } from '../../runtime/random.ts'
import type { SessionRecord } from '../../types.ts'
import { SETTINGS } from '../settings.ts'
import type { StoreTime } from '../store-time.ts'
import type { Response } from './deps.ts'

export const TOKEN_ISSUER = 'peerbin'
const FORMAT: SealFormat = {
  magic: 'PBSK',
  version: 1,
  info: 'peerbin signing keys',
  what: 'a set of signing keys'
}
const SEED_BYTES = 32
const KID_BYTES = 9
/** Before the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

const storedKey = z.object({
  kid: z.string(),
  /** Private key, base64url of 32 bytes. */
  seed: z.string(),
  createdAt: z.number(),
  /** What it signed has expired by then. */
  verifiesUntil: z.number()
})
const storedKeys = z.object({ v: z.literal(1), keys: z.array(storedKey).min(1) })
type StoredKey = z.output<typeof storedKey>

type PublicKey = Response<'signingKeys'>['keys'][number]

export interface SigningKeysDeps {
  readonly store: MetadataStore
  readonly time: StoreTime
  readonly random: Random
  readonly logger: Logger
  /** Seals them; without it they are forgotten with this process, and with them all tokens. */
  readonly clusterSecret: Uint8Array | undefined
  readonly keyRotationMs: number
  /** Longest life of a token. */
  readonly sessionMs: number
}

export class SigningKeys {
  readonly #deps: SigningKeysDeps
  #audience: string | undefined
  /** The newest first; undefined until they were read. */
  #keys: readonly StoredKey[] | undefined
  /** The end of the last turn: reading and changing them goes one after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(deps: SigningKeysDeps) {
    this.#deps = deps
  }

  /** What edges verify tokens with. */
  async publicKeys(): Promise<{ keys: PublicKey[]; audience: string }> {
    const { keys, audience } = await this.#current()
    return { keys: keys.map(publicOf), audience }
  }

  /** Issued when the session began, and good as long as it may last. */
  async tokenOf({ id, user, createdAt, expiresAt }: SessionRecord): Promise<string> {
    if (expiresAt === null) throw new PeerbinError('internal', 'an API key needs no token')
    const { keys, audience } = await this.#current()
    const [key] = keys
    if (key === undefined) throw new PeerbinError('internal', 'there is no signing key')
    return await new SignJWT({ sid: id })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: key.kid })
      .setIssuer(TOKEN_ISSUER)
      .setAudience(audience)
      .setSubject(user)
      .setIssuedAt(seconds(createdAt))
      .setNotBefore(seconds(createdAt))
      .setExpirationTime(seconds(expiresAt))
      .sign(privateOf(key))
  }

  /** Makes a new key if the present one is old, and forgets those that verify nothing any more. Asked before each use, so that a controller that was away for long signs with no old one. */
  async #current(): Promise<{ keys: readonly StoredKey[]; audience: string }> {
    const turn = this.#turn.then(() => this.#renew())
    this.#turn = turn.catch(() => undefined) // told to whoever asked
    return await turn
  }

  async #renew(): Promise<{ keys: readonly StoredKey[]; audience: string }> {
    const { store, time, random, keyRotationMs, sessionMs } = this.#deps
    const now = time.now()
    const audience = (this.#audience ??= await this.#readAudience())
    const keys = (this.#keys ??= await this.#read())
    const [newest] = keys
    if (newest !== undefined && newest.createdAt + keyRotationMs > now) return { keys, audience }
    const key: StoredKey = {
      kid: Buffer.from(random.bytes(KID_BYTES)).toString('base64url'),
      seed: Buffer.from(random.bytes(SEED_BYTES)).toString('base64url'),
      createdAt: now,
      verifiesUntil: now + keyRotationMs + sessionMs
    }
    const renewed = [key, ...keys.filter(({ verifiesUntil }) => verifiesUntil > now)].slice(
      0,
      SIGNING_KEYS_MAX
    )
    // before anything is signed with it
    const sealed = this.#sealed(renewed)
    if (sealed !== null) await store.writeSetting(SETTINGS.signingKeys, sealed)
    this.#keys = renewed
    return { keys: renewed, audience }
  }

  async #readAudience(): Promise<string> {
    const { store, random } = this.#deps
    const known = await store.readSetting(SETTINGS.audience)
    if (known !== null) return known
    const audience = randomUuid(random)
    await store.writeSetting(SETTINGS.audience, audience)
    return audience
  }

  #sealed(keys: readonly StoredKey[]): string | null {
    const { clusterSecret, random } = this.#deps
    if (clusterSecret === undefined) return null
    const plain = Buffer.from(JSON.stringify({ v: 1, keys }), 'utf8')
    return Buffer.from(seal(plain, clusterSecret, FORMAT, random)).toString('base64')
  }

  /** Empty when there are none, or none that can be read: then everybody signs in again, and nobody is let in by mistake. */
  async #read(): Promise<StoredKey[]> {
    const { store, clusterSecret, logger } = this.#deps
    const text = await store.readSetting(SETTINGS.signingKeys)
    if (text === null || clusterSecret === undefined) return []
    try {
      const plain = open(Buffer.from(text, 'base64'), clusterSecret, FORMAT)
      return storedKeys.parse(JSON.parse(Buffer.from(plain).toString('utf8'))).keys
    } catch (error) {
      // sealed with another key, cut off, or of a later version
      logger.error('the keys of access tokens cannot be read; everybody has to sign in again', { err: error })
      return []
    }
  }
}

const seconds = (timeMs: number): number => Math.floor(timeMs / 1000)

const privateOf = ({ seed }: StoredKey) =>
  createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, Buffer.from(seed, 'base64url')]),
    format: 'der',
    type: 'pkcs8'
  })

function publicOf(key: StoredKey): PublicKey {
  const { x = '' } = createPublicKey(privateOf(key)).export({ format: 'jwk' })
  return { kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid: key.kid, x }
}
