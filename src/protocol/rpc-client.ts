/** Sends the requests of one protocol and reads their answers. */

import { PeerbinError, asPeerbinError, hasCode, isErrorCode } from '../errors.ts'
import type { Clock, Network } from '../interfaces.ts'
import { abortReason, deadline } from '../runtime/deadline.ts'
import type { PeerId, Role } from '../types.ts'
import { answerHeader, decodeHeader, describeIssues, encodeHeader, encodeHello, violation } from './codec.ts'
import type { AnswerHeader } from './codec.ts'
import { heardDetails } from './error-details.ts'
import { writeBody } from './framing.ts'
import { CHUNK_BYTES_MAX, FRAME_BYTES_MAX } from './limits.ts'
import type { MessageSpec, MessageTable } from './messages.ts'
import type { BodySource, CallOptions, CallResult, RpcCaller } from './rpc.ts'
import { StreamPool } from './rpc-pool.ts'
import type { PooledStream } from './rpc-pool.ts'

export interface CallerDeps<T extends MessageTable> {
  readonly network: Network
  readonly protocol: string
  readonly messages: T
  /** What this process says it is. */
  readonly role: Role
  readonly clock: Clock
}

export function createCaller<T extends MessageTable>(deps: CallerDeps<T>): RpcCaller<T> {
  const pool = new StreamPool(deps)
  const hello = encodeHello(deps.role)
  const call = async (
    peer: PeerId,
    op: string,
    message: unknown,
    options: CallOptions
  ): Promise<CallResult<unknown>> => {
    const spec = deps.messages[op]
    if (spec === undefined) throw new PeerbinError('bad-request', 'there is no such message')
    const request = prepare(spec, op, message, options)
    using limit = deadline(deps.clock, options.timeoutMs, options.signal)
    const exchange = new Exchange({ pool, peer, spec, request, hello, options, signal: limit.signal })
    return await pool.within(peer, limit.signal, () => exchange.run())
  }
  // the schemas of `op` have checked what goes out and comes back, which the type of a table looked up by name cannot say
  return { call: call as RpcCaller<T>['call'], close: () => pool.close() }
}

/** Header of a request. @throws `bad-request`, `chunk-too-large`, `message-too-large` */
function prepare(spec: MessageSpec, op: string, message: unknown, options: CallOptions): Uint8Array {
  const parsed = spec.request.safeParse(message)
  if (!parsed.success) throw new PeerbinError('bad-request', `${op}: ${describeIssues(parsed.error)}`)
  const { body, allocate } = options
  if (spec.requestBody !== (body !== undefined) || spec.responseBody !== (allocate !== undefined)) {
    throw new PeerbinError('internal', `${op}: a body is missing or not wanted`)
  }
  if (body !== undefined && body.sizeBytes > CHUNK_BYTES_MAX) throw new PeerbinError('chunk-too-large')
  return encodeHeader({ op, m: parsed.data, body: body?.sizeBytes })
}

type Outcome = CallResult<unknown> | PeerbinError

interface ExchangeDeps {
  readonly pool: StreamPool
  readonly peer: PeerId
  readonly spec: MessageSpec
  readonly request: Uint8Array
  readonly hello: Uint8Array
  readonly options: CallOptions
  /** Of the whole call. */
  readonly signal: AbortSignal
}

/** One request and its answer; a second attempt if a kept stream turns out to have died. */
class Exchange {
  readonly #deps: ExchangeDeps
  /** Whether anything of the answer has come: then it is not asked again. */
  #answered = false
  #bodyBegun = false

  constructor(deps: ExchangeDeps) {
    this.#deps = deps
  }

  async run(): Promise<CallResult<unknown>> {
    const { signal } = this.#deps
    let outcome: Outcome
    try {
      outcome = await this.#attempts()
    } catch (error) {
      // whatever an aborted stream rejects with, the reason is why it was aborted
      if (signal.aborted) throw abortReason(signal)
      throw asPeerbinError(error, 'peer-unreachable')
    }
    if (outcome instanceof PeerbinError) throw outcome
    return outcome
  }

  async #attempts(): Promise<Outcome> {
    const { pool, peer, signal } = this.#deps
    const pooled = await pool.take(peer, false, signal)
    if (!pooled.kept) return await this.#attempt(pooled)
    try {
      return await this.#attempt(pooled)
    } catch (error) {
      if (!this.#mayRepeat(error)) throw error
    }
    return await this.#attempt(await pool.take(peer, true, signal))
  }

  #mayRepeat(error: unknown): boolean {
    if (this.#answered || this.#deps.signal.aborted) return false
    const { body } = this.#deps.options
    // a source that does not say otherwise gives its pieces once
    const again = !this.#bodyBegun || body?.repeatable === true || Array.isArray(body?.pieces)
    return again && hasCode(error, 'peer-unreachable')
  }

  async #attempt(pooled: PooledStream): Promise<Outcome> {
    const { signal, pool } = this.#deps
    const onAbort = (): void => pooled.stream.abort(abortReason(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      if (signal.aborted) throw abortReason(signal)
      const { outcome, intact } = await this.#exchange(pooled)
      if (intact) pool.release(pooled)
      else pool.discard(pooled, new PeerbinError('aborted'))
      return outcome
    } catch (error) {
      pool.discard(pooled, error instanceof Error ? error : new PeerbinError('internal'))
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** The answer, or the error of the remote handler; `intact` when the stream can carry another request. */
  async #exchange(pooled: PooledStream): Promise<{ outcome: Outcome; intact: boolean }> {
    const { spec, options } = this.#deps
    const sending = new Sending(pooled, this.#opening(pooled), options.body)
    this.#bodyBegun = options.body !== undefined
    const header = await sending.whileRunning(pooled.reader.header())
    if (header === undefined) throw new PeerbinError('peer-unreachable', 'the peer ended the stream')
    this.#answered = true
    const answer = decodeHeader(answerHeader, header)
    if (!answer.ok) return { outcome: remoteError(answer), intact: await sending.finish() }
    const parsed = spec.response.safeParse(answer.m)
    if (!parsed.success) throw violation(describeIssues(parsed.error))
    if (spec.responseBody !== (answer.body !== undefined)) throw violation('a body is missing or not wanted')
    const body = await this.#readBody(pooled, answer.body)
    return { outcome: { message: parsed.data, body }, intact: await sending.finish() }
  }

  /** The hello goes out together with the first request. */
  #opening(pooled: PooledStream): Uint8Array {
    return pooled.kept ? this.#deps.request : Buffer.concat([this.#deps.hello, this.#deps.request])
  }

  async #readBody(pooled: PooledStream, sizeBytes: number | undefined): Promise<Uint8Array | undefined> {
    const { allocate } = this.#deps.options
    if (sizeBytes === undefined || allocate === undefined) return undefined
    const memory = allocate(sizeBytes)
    await pooled.reader.readInto(memory, sizeBytes)
    return memory.subarray(0, sizeBytes)
  }
}

/** An error that came over the wire. A code that this version does not know becomes `internal`. */
const remoteError = ({ code, message, retryAfterMs, ...refusal }: Refusal) =>
  new PeerbinError(isErrorCode(code) ? code : 'internal', message, {
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    details: heardDetails(refusal)
  })

type Refusal = Extract<AnswerHeader, { ok: false }>

/** A request on its way out, while its answer is already awaited: a node that refuses says so before the body is all there. */
class Sending {
  readonly #done: Promise<void>
  readonly #body: BodySource | undefined
  #finished = false
  #written = 0

  constructor(pooled: PooledStream, opening: Uint8Array, body: BodySource | undefined) {
    this.#body = body
    this.#done = this.#send(pooled, opening)
  }

  async #send(pooled: PooledStream, opening: Uint8Array): Promise<void> {
    try {
      await pooled.stream.write(opening)
      if (this.#body !== undefined) {
        await writeBody(pooled.stream, this.#body, (written) => {
          this.#written = written
        })
      }
      this.#finished = true
    } catch (error) {
      // the answer can never come now; this makes the read of it reject
      pooled.stream.abort(asPeerbinError(error, 'internal'))
      throw error
    }
  }

  /** Waits for `reading`; when sending fails first, its error is the one that says why. */
  async whileRunning<R>(reading: Promise<R>): Promise<R> {
    const failed = new Promise<never>((_resolve, reject) => {
      this.#done.catch(reject)
    })
    return await Promise.race([reading, failed])
  }

  /** Sends what is left if that is little. False when it was too much or failed: then the stream is of no use any more. */
  async finish(): Promise<boolean> {
    if (!this.#finished && (this.#body?.sizeBytes ?? 0) - this.#written > FRAME_BYTES_MAX) return false
    return await this.#done.then(
      () => true,
      () => false // the answer is in hand, and the stream has been reset already
    )
  }
}
