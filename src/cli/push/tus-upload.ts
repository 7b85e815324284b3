/**
 * One upload by tus 1.0, gone on with after every break, at the next edge where there are several. tus-js-client speaks the protocol; waiting, choosing an
 * edge and telling the person are here, since what it offers for that knows neither of `Retry-After` nor of other edges.
 */

import { Upload } from 'tus-js-client'
import { asPeerbinError, hasCode, PeerbinError } from '../../errors.ts'
import { deadline, sleep, throwIfAborted } from '../../runtime/deadline.ts'
import type { CliContext } from '../context.ts'
import { failureOf, readJson, request } from '../http/request.ts'
import { isPassing, pauseMs } from '../http/retry.ts'
import { tusFailure, tusStack } from '../http/tus-stack.ts'
import type { TusBody } from '../http/tus-stack.ts'
import { below } from './target.ts'
import type { Servers } from './target.ts'

/** Attempts in a row that brought nothing, some five minutes: a cluster that restarts, a train in a tunnel. */
const ATTEMPTS_MAX = 16
/** Before there is an upload nothing is lost: whoever gave a wrong address hears so soon. */
const CREATE_ATTEMPTS_MAX = 3
const PAUSE_MAX_MS = 30_000
/** Nobody sits and waits for longer: a server that says so has said no. */
const RETRY_AFTER_MAX_MS = 120_000
/** For the word that an upload is given up; without it the server finds out when the upload expires. */
const GIVE_UP_MS = 3000

export interface TusContent {
  readonly sizeBytes: number
  /** From any place that was reached on, the same bytes each time. */
  read(start: number): AsyncIterable<Uint8Array>
}

export interface TusUploadOptions {
  readonly content: TusContent
  readonly metadata: Readonly<Record<string, string>>
  /** With every request: who sends. */
  readonly headers?: Readonly<Record<string, string>>
  readonly servers: Servers
  readonly context: CliContext
  readonly onProgress: (sentBytes: number) => void
  /** Nothing moves; why, and for how long. */
  readonly onWait: (why: PeerbinError, waitMs: number) => void
}

/**
 * Sends all of it, and answers what the server says of the finished upload. When it fails nothing is kept, as far as a server can be told.
 * @throws what the server says; what reading the content throws; `server-unreachable` when many attempts in a row brought nothing
 */
export async function tusUpload(options: TusUploadOptions): Promise<unknown> {
  const run = new Run(options)
  try {
    return await run.complete()
  } catch (error) {
    await run.giveUp()
    throw error
  }
}

class Run {
  readonly #options: TusUploadOptions
  /** The secret part of the upload's address, which is good at any edge; undefined until it is made. */
  #secret: string | undefined
  /** Bytes that the server has for sure. */
  #acknowledged = 0
  #isSent = false

  constructor(options: TusUploadOptions) {
    this.#options = options
  }

  async complete(): Promise<unknown> {
    const { servers, context, onWait } = this.#options
    let before = 0
    for (let attempts = 1; ; attempts++) {
      try {
        if (!this.#isSent) await this.#send()
        return await this.#answer()
      } catch (error) {
        throwIfAborted(context.interrupted)
        if (this.#acknowledged > before) attempts = 1
        before = this.#acknowledged
        // a place that is taken or was passed: the next attempt asks how far the upload is
        const known = asPeerbinError(error)
        const mayPass = isPassing(known) || hasCode(known, 'offset-mismatch')
        const isFar = (known.retryAfterMs ?? 0) > RETRY_AFTER_MAX_MS
        if (!mayPass || isFar || attempts >= this.#attemptsMax()) throw error
        const others = servers.count > 1
        if (others) servers.next()
        // the edge that was left still stores what it has got, and whoever takes over too early goes on before that
        const isFirstRound = this.#secret === undefined && others && attempts < servers.count
        const waitMs = isFirstRound ? 0 : pauseMs(attempts, PAUSE_MAX_MS, known)
        onWait(known, waitMs)
        await sleep(context.clock, waitMs, context.interrupted)
      }
    }
  }

  /** Tells a server, if one can be told, that the rest will not come, or that nobody will get the link. */
  async giveUp(): Promise<void> {
    if (this.#secret === undefined) return
    const { clock } = this.#options.context
    using limit = deadline(clock, GIVE_UP_MS)
    const answer = await request({
      method: 'DELETE',
      url: this.#url(),
      headers: { ...this.#options.headers, 'tus-resumable': '1.0.0' },
      signal: limit.signal
    }).catch(() => undefined) // then it expires
    answer?.body.resume()
  }

  #attemptsMax(): number {
    const { servers } = this.#options
    return this.#secret === undefined ? Math.max(CREATE_ATTEMPTS_MAX, servers.count) : ATTEMPTS_MAX
  }

  /** Where the upload is. Only its last part is taken from what servers say: nothing is sent to another host than those that were named. */
  #url(): URL {
    const { servers } = this.#options
    return below(servers.current, this.#secret === undefined ? 'files/' : `files/${this.#secret}`)
  }

  async #send(): Promise<void> {
    const { content, metadata, headers, context, onProgress } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    // the stand-in is never read: the bytes come from openFile's source
    const upload: Upload = new Upload(Buffer.alloc(0), {
      ...(this.#secret === undefined
        ? { endpoint: this.#url().href }
        : { endpoint: null, uploadUrl: this.#url().href }),
      metadata,
      ...(headers !== undefined && { headers: { ...headers } }),
      retryDelays: null,
      storeFingerprintForResuming: false,
      fingerprint: async () => '',
      httpStack: tusStack({ place: () => this.#url(), signal: context.interrupted }),
      fileReader: {
        openFile: async () => ({
          size: content.sizeBytes,
          slice: async (start, end) => {
            this.#acknowledged = start
            const value: TusBody = { size: end - start, bytes: content.read(start) }
            return { value, done: end >= content.sizeBytes }
          },
          close: () => {}
        })
      },
      onUploadUrlAvailable: () => (this.#secret ??= secretOf(upload.url)),
      onProgress: (sentBytes) => onProgress(sentBytes),
      onSuccess: () => resolve(),
      onError: reject
    })
    upload.start()
    try {
      await promise
    } catch (error) {
      throw tusFailure(error)
    }
    this.#isSent = true
  }

  async #answer(): Promise<unknown> {
    const { context, headers } = this.#options
    const answer = await request({
      method: 'GET',
      url: this.#url(),
      headers: {
        accept: 'application/problem+json, application/json',
        ...headers,
        'tus-resumable': '1.0.0'
      },
      signal: context.interrupted
    })
    if (answer.status !== 200 && answer.status !== 201) throw await failureOf(answer)
    return await readJson(answer)
  }
}

/** @throws `protocol-violation` when the address has none */
function secretOf(url: string | null): string {
  const secret = /\/([A-Za-z0-9_-]{16,128})\/?$/.exec(url ?? '')?.[1]
  if (secret === undefined)
    throw new PeerbinError('protocol-violation', 'the server names no address for the upload')
  return secret
}
