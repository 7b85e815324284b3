/** HTTP of the pool client: requests to one of several edges of a cluster, and what went wrong in words. */

import type { z } from 'zod'
import { asPeerbinError, isErrorCode, PeerbinError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Clock, Random } from '../interfaces.ts'
import { abortReason, deadline, withDeadline } from '../runtime/deadline.ts'
import { retrying } from './retry.ts'
import type { RetryOptions } from './retry.ts'

/** A server that says nothing for so long is away. */
const ANSWER_MS = 60_000
/** An upload may take this much longer for each byte: 50 kB/s. */
const BYTE_MS = 1 / 50
/** Nothing of a body for so long: the connection is dead. */
const IDLE_MS = 60_000
/** Answers that are read as a whole: 500 events or 1000 missing files stay well below. */
const TEXT_BYTES_MAX = 16 * 1024 * 1024
const DETAIL_LENGTH_MAX = 500

export interface HttpDeps {
  readonly fetch: typeof fetch
  readonly clock: Clock
  readonly random: Random
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface PoolRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the server's address: `api/pools`. */
  readonly path: string
  readonly query?: Query
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is; its length is known before. */
  readonly body?: Blob
  readonly signal: AbortSignal
  /** How long the server may think, in ms; default: a minute. */
  readonly answerMs?: number
}

export interface PoolHttpOptions {
  /** Edges of one cluster: one that cannot be reached is passed over for the next. */
  readonly servers: readonly URL[]
  /** Undefined: without credentials. */
  readonly token: string | undefined
}

export class PoolHttp {
  readonly deps: HttpDeps
  readonly #servers: readonly URL[]
  readonly #token: string | undefined
  #current = 0

  constructor({ servers, token }: PoolHttpOptions, deps: HttpDeps) {
    if (servers.length === 0) throw new PeerbinError('usage', 'name a server at least')
    this.#servers = servers
    this.#token = token
    this.deps = deps
  }

  get server(): URL {
    return this.#servers[this.#current % this.#servers.length] as URL
  }

  /** One attempt. Resolves with a successful answer, whose body is still to be read. @throws `server-unreachable`, what the server says, the signal's reason */
  async send(request: PoolRequest): Promise<Response> {
    const { server } = this
    const url = new URL(request.path, server)
    for (const [name, value] of Object.entries(request.query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value))
    const limitMs = (request.answerMs ?? ANSWER_MS) + (request.body?.size ?? 0) * BYTE_MS
    const answer = await this.#fetch(url, request, limitMs)
    if (answer.ok) return answer
    // what a proxy says of an edge that is away
    if (answer.status === 502 || answer.status === 504) this.#passOver(server)
    throw await failureOf(answer, url.origin, this.deps.clock)
  }

  /** The headers have to come within the limit; the body has limits of its own, where it is read. */
  async #fetch(url: URL, request: PoolRequest, limitMs: number): Promise<Response> {
    const { signal, json } = request
    const controller = new AbortController()
    const onAbort = (): void => controller.abort(abortReason(signal))
    if (signal.aborted) throw abortReason(signal)
    signal.addEventListener('abort', onAbort, { once: true })
    using limit = deadline(this.deps.clock, limitMs)
    const onLimit = (): void => controller.abort(new PeerbinError('deadline-exceeded'))
    limit.signal.addEventListener('abort', onLimit, { once: true })
    try {
      const body = json === undefined ? request.body : JSON.stringify(json)
      return await this.deps.fetch(url, {
        method: request.method,
        headers: {
          accept: 'application/problem+json, application/json',
          'user-agent': 'peerbin',
          ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
          ...(json !== undefined && { 'content-type': 'application/json' }),
          ...request.headers
        },
        // a token goes to its own server only
        redirect: 'manual',
        signal: controller.signal,
        ...(body !== undefined && { body })
      })
    } catch (error) {
      if (signal.aborted) throw abortReason(signal)
      this.#passOver(new URL(url.origin))
      throw unreachable(url, error)
    } finally {
      limit.signal.removeEventListener('abort', onLimit)
    }
  }

  /** Whoever failed last is not asked first. */
  #passOver(server: URL): void {
    if (this.server.origin === server.origin) this.#current = (this.#current + 1) % this.#servers.length
  }

  /** The answer as `schema` has it; one attempt. @throws as send; `protocol-violation` for an answer of another form */
  async json<S extends z.ZodType>(request: PoolRequest, schema: S): Promise<z.output<S>> {
    const answer = await this.send(request)
    return this.parsed(schema, await this.text(answer, request.signal))
  }

  /** As json, asked again after what passes. Only for requests that do no harm when they are carried out twice. */
  async jsonRetrying<S extends z.ZodType>(
    request: PoolRequest,
    schema: S,
    options: Omit<RetryOptions, 'signal'>
  ): Promise<z.output<S>> {
    return await this.retrying({ ...options, signal: request.signal }, () => this.json(request, schema))
  }

  async retrying<T>(options: RetryOptions, attempt: () => Promise<T>): Promise<T> {
    return await retrying(this.deps, options, attempt)
  }

  parsed<S extends z.ZodType>(schema: S, text: string): z.output<S> {
    let record: unknown
    try {
      record = JSON.parse(text)
    } catch (error) {
      throw this.#foreign(error)
    }
    const result = schema.safeParse(record)
    if (result.success) return result.data
    throw this.#foreign(result.error)
  }

  #foreign(cause: unknown): PeerbinError {
    return new PeerbinError(
      'protocol-violation',
      `${this.server.origin} does not answer as a peerbin edge with pools does`,
      { cause }
    )
  }

  /** @throws `server-unreachable` where it breaks, `protocol-violation` where it is too long */
  async text(answer: Response, signal: AbortSignal): Promise<string> {
    const pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of this.pieces(answer, signal)) {
      size += piece.byteLength
      if (size > TEXT_BYTES_MAX) throw new PeerbinError('protocol-violation', 'the answer is too long')
      pieces.push(piece)
    }
    return Buffer.concat(pieces).toString('utf8')
  }

  /** The body as it arrives. Whoever stops reading ends the connection. @throws `server-unreachable` where it breaks or stands still, the signal's reason */
  async *pieces(answer: Response, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    if (answer.body === null) return
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
    let isOver = false
    try {
      for (;;) {
        const piece = await withDeadline(this.deps.clock, IDLE_MS, signal, async () => await reader.read())
        if (piece.done) break
        yield piece.value
      }
      isOver = true
    } catch (error) {
      if (signal.aborted) throw abortReason(signal)
      throw unreachable(this.server, error)
    } finally {
      // of a connection that broke nothing more can go wrong
      if (!isOver) await reader.cancel().catch(() => undefined)
    }
  }
}

function unreachable(url: URL, error: unknown): PeerbinError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const isRefused = cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED'
  const why = isRefused ? 'nothing listens there' : cause instanceof Error ? cause.message : String(cause)
  return new PeerbinError('server-unreachable', `cannot reach ${url.origin}: ${printable(why)}`, {
    cause: error
  })
}

/** What comes from a server must not move a terminal's cursor, nor fill the screen. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]+/gu, ' ').slice(0, DETAIL_LENGTH_MAX)

/** What an answer that is no success says (RFC 9457), as an error with the code of the server, or the nearest by its status. */
async function failureOf(answer: Response, origin: string, clock: Clock): Promise<PeerbinError> {
  const retryAfterMs = Number(answer.headers.get('retry-after') ?? Number.NaN) * 1000
  const retry = Number.isFinite(retryAfterMs) && retryAfterMs >= 0 ? { retryAfterMs } : {}
  const problem = await problemOf(answer, clock)
  if (isErrorCode(problem['code'])) {
    const text = problem['detail'] ?? problem['title']
    return new PeerbinError(problem['code'], printable(typeof text === 'string' ? text : ''), {
      ...retry,
      details: scalarsOf(problem)
    })
  }
  return new PeerbinError(codeByStatus(answer.status), `${origin} answered ${answer.status}`, retry)
}

/** A proxy's page has none. */
async function problemOf(answer: Response, clock: Clock): Promise<Record<string, unknown>> {
  try {
    const text = await withDeadline(clock, IDLE_MS, undefined, async () => await answer.text())
    const record: unknown = JSON.parse(text)
    return typeof record === 'object' && record !== null ? (record as Record<string, unknown>) : {}
  } catch (error) {
    return { reason: asPeerbinError(error).message }
  }
}

const scalarsOf = (record: Record<string, unknown>): Record<string, string | number | boolean> =>
  Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, string | number | boolean] =>
      ['string', 'number', 'boolean'].includes(typeof entry[1])
    )
  )

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'credentials-invalid',
  403: 'permission-denied',
  404: 'not-found',
  413: 'too-large',
  416: 'range-not-satisfiable',
  429: 'rate-limited',
  507: 'cluster-full'
}

const codeByStatus = (status: number): ErrorCode =>
  BY_STATUS[status] ?? (status >= 500 ? 'busy' : status >= 400 ? 'bad-request' : 'protocol-violation')
