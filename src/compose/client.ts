import type { FileWriter } from '../client/file-writer.ts'
import type { FileReader } from '../client/file-reader.ts'
import { PasswordHasher } from '../client/password-hasher.ts'
import { withPassword } from '../client/with-password.ts'
import { PeerbinError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { cleanPassword } from '../protocol/password.ts'
import { payloadBytesOf } from '../protocol/payload.ts'
import { hashSecret, isLinkToken, newClaimSecret } from '../protocol/secrets.ts'
import { randomUuid } from '../runtime/random.ts'
import type { Encryption, FileRecord, LinkToken } from '../types.ts'
import { openPeer } from './peer.ts'
import type { Peer, PeerOptions } from './peer.ts'
import { RunningPeer } from './running-peer.ts'
import { shareParts } from './share-parts.ts'

export type ClientOptions = PeerOptions

export interface ShareOptions {
  /** File name the recipient sees. */
  name: string
  /** Default: `application/octet-stream`. */
  mediaType?: string | undefined
  /** The uploader's own key-value pairs, up to 16 KiB. */
  metadata?: Record<string, string> | undefined
  /** How often the link works; default: the setting `link.downloads`, 1. */
  downloads?: number | undefined
  /** How long the link works; default: the setting `link.ttlMs`, 2 days. */
  ttlMs?: number | undefined
  /** Whoever redeems the link has to give it: 1 to 1024 bytes of UTF-8, compared after NFC. */
  password?: string | undefined
  /** Last bytes of the source that are an index (src/bundle); default: 0. It is told to whoever may know the name, and is not part of what a download delivers. */
  indexBytes?: number | undefined
  /** The source was encrypted (src/encryption): payload and index, which it has to have. */
  encryption?: Encryption | undefined
  /** Whoever redeems the link has to show it: what the key of an encrypted file proves itself with. */
  proof?: string | undefined
  signal?: AbortSignal | undefined
}

/** A file that was stored, with its link. */
export interface Share {
  readonly file: FileRecord
  /** Redeems the file: `download(token)`, or behind `/d/` at any edge of the cluster. A secret. */
  readonly token: LinkToken
  /** Revokes the link. A secret. */
  readonly deleteSecret: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly downloads: number
  readonly isProtected: boolean
  /** Whether whoever redeems it has to show that they have the key of the file. */
  readonly needsProof: boolean
}

export interface DownloadOptions {
  /** For a link that has one. */
  password?: string | undefined
  /** For a link to an encrypted file: what its key proves itself with (src/encryption). The bytes come encrypted all the same. */
  proof?: string | undefined
  signal?: AbortSignal | undefined
}

/** A link that was redeemed. */
export interface Download {
  readonly file: FileRecord
  /** Verified bytes of the payload (all of the file but its index) in order; each piece is valid until the next is asked for. Read once; ending early gives everything back. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** All of it in memory, in place of `bytes`. */
  buffer(): Promise<Uint8Array>
}

/** What names one claim; neither is a secret itself. */
type Secrets = Record<'tokenHash' | 'claimHash', ReturnType<typeof hashSecret>>

/** Uploads and downloads from within a program, without HTTP. A member of the cluster like an edge. */
export class RunningClient extends RunningPeer {
  readonly #peer: Peer
  readonly #writer: FileWriter
  readonly #reader: FileReader
  readonly #passwords: PasswordHasher

  constructor(peer: Peer) {
    super(peer, {})
    this.#peer = peer
    const { writer, reader } = shareParts(peer)
    this.#writer = writer
    this.#reader = reader
    this.#passwords = new PasswordHasher(peer)
  }

  /** Resolves when an upload would succeed: a controller and enough nodes are active. Rejects when the signal aborts. */
  async ready(signal?: AbortSignal): Promise<void> {
    const { membership, config } = this.#peer
    const isReady = (): boolean =>
      membership.active('controller').length > 0 &&
      membership.active('node').length >= config.replication.copiesMin
    if (isReady()) return
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        unwatch()
        reject(new PeerbinError('not-enough-nodes', 'the cluster did not become ready in time'))
      }
      const unwatch = membership.onChange(() => {
        if (!isReady()) return
        unwatch()
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
      if (signal?.aborted === true) onAbort()
    })
  }

  /**
   * Stores a file and makes its link. Resolves when the file survives the loss of any one machine.
   * @throws `empty-file`, `too-large` (`edge.uploadBytesMax`), `not-enough-nodes`, `no-controller`, `cluster-full`, …; nothing is kept then
   */
  async upload(source: Uint8Array | AsyncIterable<Uint8Array>, options: ShareOptions): Promise<Share> {
    const { config } = this.#peer
    const { password, indexBytes, encryption, proof } = options
    const terms = {
      proofHash: proof === undefined ? undefined : hashSecret(proof),
      downloads: options.downloads ?? config.link.downloads,
      ttlMs: options.ttlMs ?? config.link.ttlMs,
      password:
        password === undefined
          ? undefined
          : await this.#passwords.record(cleanPassword(password), options.signal)
    }
    return await this.#writer.upload({
      name: options.name,
      mediaType: options.mediaType ?? 'application/octet-stream',
      source: source instanceof Uint8Array ? once(source) : source,
      limitBytes: config.edge.uploadBytesMax,
      link: () => terms,
      content: () => ({ indexBytes, encryption }),
      ...(source instanceof Uint8Array && { declaredBytes: source.byteLength }),
      ...(options.metadata && { metadata: options.metadata }),
      ...(options.signal && { signal: options.signal })
    })
  }

  /**
   * Redeems a link: a token, or a URL with `/d/` or `/download/`. One of its downloads is spent when this resolves.
   * @throws `link-unknown`, `link-used`, `link-expired`, `link-revoked`, `link-suspended`, `password-required`, `password-wrong`, `password-attempts`, `proof-required`, `proof-wrong`,
   *   `chunk-unavailable` (nothing is spent then), `no-controller`
   */
  async download(link: LinkToken | string, options: DownloadOptions = {}): Promise<Download> {
    const { password, proof } = options
    const shownProof = proof === undefined ? {} : { proofHash: hashSecret(proof) }
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    const secrets = {
      tokenHash: hashSecret(tokenOf(link)),
      claimHash: hashSecret(newClaimSecret(this.#peer.random))
    }
    // an outcome that is not known is not a no: a claim that was made after all must not burn the link, since nobody has its secret
    const answer = await withPassword(
      this.#passwords,
      password === undefined ? undefined : { text: cleanPassword(password) },
      (shown) =>
        this.#peer.controller
          .call('claimLink', { ...secrets, ...shown, ...shownProof }, signal)
          .catch(async (error: unknown) => {
            await this.#release(secrets)
            throw error
          }),
      options.signal
    )
    if (answer.outcome !== 'claimed') throw new PeerbinError(REFUSALS[answer.outcome])
    const { file } = answer
    const reading = this.#reader.prepare({
      file: file.id,
      sizeBytes: file.sizeBytes,
      chunkCount: file.chunkCount,
      firstPage: answer.chunks,
      range: { start: 0, end: payloadBytesOf(file) },
      ...signal
    })
    const bytes = this.#reporting(
      await reading.catch(async (error: unknown) => {
        await this.#release(secrets)
        throw error
      }),
      secrets
    )
    return { file, bytes, buffer: async () => await gather(bytes, payloadBytesOf(file)) }
  }

  /** Best effort: a claim that cannot be released now is ended by its lease. */
  async #release(secrets: Secrets): Promise<void> {
    await this.#peer.controller.call('releaseClaim', secrets).catch(() => undefined)
  }

  /** Tells the controller what was handed out, when it is over. */
  async *#reporting(
    bytes: AsyncIterable<Uint8Array>,
    secrets: Secrets
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let sentBytes = 0
    try {
      for await (const piece of bytes) {
        sentBytes += piece.byteLength
        yield piece
      }
    } finally {
      if (sentBytes > 0)
        await this.#peer.controller
          .call('reportClaim', {
            ...secrets,
            ranges: [{ start: 0, end: sentBytes }],
            bytesSent: sentBytes,
            reportId: randomUuid(this.#peer.random)
          })
          .catch((error: unknown) => this.#peer.logger.warn('a download was not reported', { err: error }))
    }
  }
}

const REFUSALS = {
  unknown: 'link-unknown',
  used: 'link-used',
  expired: 'link-expired',
  revoked: 'link-revoked',
  suspended: 'link-suspended',
  released: 'link-used',
  'proof-required': 'proof-required',
  'proof-wrong': 'proof-wrong'
} as const satisfies Record<string, ErrorCode>

function tokenOf(link: string): LinkToken {
  const text = /\/(?:d|download)\/([^/?#]+)/.exec(link)?.[1] ?? link
  if (!isLinkToken(text)) throw new PeerbinError('link-unknown', 'that is neither a token nor a share link')
  return text
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function gather(pieces: AsyncIterable<Uint8Array>, sizeBytes: number): Promise<Uint8Array> {
  const all = new Uint8Array(sizeBytes)
  let position = 0
  for await (const piece of pieces) {
    all.set(piece, position)
    position += piece.byteLength
  }
  return all
}

/**
 * Makes a client, not started.
 * @throws `data-in-use`, `data-incompatible`, `config-invalid`, `join-string-invalid` (also when no cluster is known), `local-file`
 */
export async function createClient(options: ClientOptions): Promise<RunningClient> {
  const peer = await openPeer('edge', options)
  try {
    return new RunningClient(peer)
  } catch (error) {
    peer.close()
    throw error
  }
}
