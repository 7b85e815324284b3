/** One stream of a server: the hello, then one request after another. */

import { PeerbinError, asPeerbinError } from '../errors.ts'
import type { ByteStream, Clock, Logger } from '../interfaces.ts'
import type { Role } from '../types.ts'
import {
  ERROR_TEXT_MAX,
  decodeHeader,
  describeIssues,
  encodeHeader,
  helloHeader,
  requestHeader,
  violation
} from './codec.ts'
import type { RequestHeader } from './codec.ts'
import { toldDetails } from './error-details.ts'
import { FrameReader, writeBody } from './framing.ts'
import type { MessageSpec, MessageTable } from './messages.ts'
import type { BodyReader, RpcAnswer, RpcHandlers, RpcRequest } from './rpc.ts'
import type { ServeLimits } from './rpc-server.ts'

export interface SessionDeps<T extends MessageTable> {
  readonly stream: ByteStream
  readonly messages: T
  readonly policy: Readonly<Record<keyof T, readonly Role[]>>
  readonly handlers: RpcHandlers<T>
  readonly clock: Clock
  readonly logger: Logger
  readonly limits: ServeLimits
}

type Handler = (request: RpcRequest<unknown>) => Promise<RpcAnswer<unknown>>

export class RpcSession<T extends MessageTable> {
  readonly #deps: SessionDeps<T>
  readonly #stream: ByteStream
  readonly #reader: FrameReader
  /** Of the request that is being handled. */
  #request: AbortController | undefined

  constructor(deps: SessionDeps<T>) {
    this.#deps = deps
    this.#stream = deps.stream
    this.#reader = new FrameReader(deps.stream)
  }

  /** Resolves when the peer has ended its side between two requests; rejects when the stream has to be reset. */
  async run(): Promise<void> {
    const { idleMs } = this.#deps.limits
    const hello = await this.#within(idleMs, this.#reader.header())
    if (hello === undefined) return await this.#stream.closeWrite()
    const { role } = decodeHeader(helloHeader, hello)
    while (true) {
      const header = await this.#within(idleMs, this.#reader.header())
      if (header === undefined) return await this.#stream.closeWrite()
      await this.#serve(role, decodeHeader(requestHeader, header))
    }
  }

  /** Resets the stream and tells the handler that runs. */
  abort(reason: Error): void {
    this.#request?.abort(reason)
    this.#stream.abort(reason)
  }

  async #serve(role: Role, header: RequestHeader): Promise<void> {
    const body = header.body === undefined ? undefined : new RequestBody(this.#reader, header.body)
    const request = new AbortController()
    this.#request = request
    const gone = (error?: Error): void => {
      if (error !== undefined) request.abort(asPeerbinError(error, 'peer-unreachable'))
    }
    if (body !== undefined) body.within = (work) => this.#readingBody(work, gone)
    this.#reader.lookAhead(gone)
    try {
      const answer = await this.#handle(role, header, body, request.signal)
      await this.#within(this.#deps.limits.answerMs, this.#answer(header.op, answer))
      // a handler may have begun to read and returned without waiting for it
      if (body !== undefined) await this.#within(this.#deps.limits.bodyMs, body.finish())
    } finally {
      this.#request = undefined
    }
  }

  /** The handler's answer, or the error that is sent in its place. */
  async #handle(
    role: Role,
    header: RequestHeader,
    body: RequestBody | undefined,
    signal: AbortSignal
  ): Promise<RpcAnswer<unknown> | PeerbinError> {
    try {
      const { spec, handler } = this.#find(role, header.op)
      if (spec.requestBody !== (body !== undefined)) throw violation('a body is missing or not wanted')
      const parsed = spec.request.safeParse(header.m)
      if (!parsed.success) throw violation(describeIssues(parsed.error))
      return await handler.call(this.#deps.handlers, {
        from: this.#stream.peer,
        role,
        message: parsed.data,
        body,
        signal
      })
    } catch (error) {
      return this.#presentable(header.op, error)
    }
  }

  #find(role: Role, op: string): { spec: MessageSpec; handler: Handler } {
    const { messages, policy, handlers } = this.#deps
    const spec = Object.hasOwn(messages, op) ? messages[op] : undefined
    if (spec === undefined) throw violation('there is no such message')
    const allowed = Object.hasOwn(policy, op) && policy[op]?.includes(role) === true
    if (!allowed) throw new PeerbinError('role-forbidden')
    // the schema of `op` has checked what the handler of `op` gets, which the type of a table looked up by name cannot say
    return { spec, handler: handlers[op] as unknown as Handler }
  }

  /** What the peer may know of an error: ours as they are, others only that something went wrong. */
  #presentable(op: string, error: unknown): PeerbinError {
    const known = asPeerbinError(error)
    if (known.code !== 'internal') return known
    this.#deps.logger.error('a handler failed', { op, peer: this.#stream.peer, err: error })
    return new PeerbinError('internal')
  }

  async #answer(op: string, answer: RpcAnswer<unknown> | PeerbinError): Promise<void> {
    if (answer instanceof PeerbinError) return await this.#stream.write(encodeError(answer))
    try {
      const header = this.#encodeAnswer(op, answer)
      if (header instanceof PeerbinError) return await this.#stream.write(encodeError(header))
      await this.#stream.write(header)
      if (answer.body !== undefined) await writeBody(this.#stream, answer.body)
    } finally {
      answer.done?.()
    }
  }

  #encodeAnswer(op: string, answer: RpcAnswer<unknown>): Uint8Array | PeerbinError {
    const spec = this.#deps.messages[op]
    try {
      const message = spec?.response.parse(answer.message)
      if (spec?.responseBody !== (answer.body !== undefined)) throw new Error('wrong use of a body')
      return encodeHeader({ ok: true, m: message, body: answer.body?.sizeBytes })
    } catch (error) {
      return this.#presentable(op, error)
    }
  }

  /** Reads of a body have a limit of their own, and the peer is watched again after them. */
  async #readingBody(work: Promise<void>, gone: (error?: Error) => void): Promise<void> {
    try {
      await this.#within(this.#deps.limits.bodyMs, work)
    } catch (error) {
      gone(error instanceof Error ? error : new PeerbinError('peer-unreachable'))
      throw error
    }
    this.#reader.lookAhead(gone)
  }

  /** Resets the stream when `work` takes too long, which makes `work` reject. */
  async #within<R>(limitMs: number, work: Promise<R>): Promise<R> {
    const timer = this.#deps.clock.setTimer(
      limitMs,
      () => this.#stream.abort(new PeerbinError('deadline-exceeded')),
      { unref: true }
    )
    try {
      return await work
    } finally {
      timer.cancel()
    }
  }
}

const encodeError = (error: PeerbinError): Uint8Array =>
  encodeHeader({
    ok: false,
    code: error.code,
    message: error.message.slice(0, ERROR_TEXT_MAX),
    retryAfterMs: error.retryAfterMs === undefined ? undefined : Math.max(0, Math.ceil(error.retryAfterMs)),
    ...toldDetails(error)
  })

class RequestBody implements BodyReader {
  readonly sizeBytes: number
  readonly #reader: FrameReader
  #reading: Promise<void> | undefined
  /** Set by the session: puts a limit on a read. */
  within: (work: Promise<void>) => Promise<void> = (work) => work

  constructor(reader: FrameReader, sizeBytes: number) {
    this.#reader = reader
    this.sizeBytes = sizeBytes
  }

  readInto(target: Uint8Array, onProgress?: (filledBytes: number) => void): Promise<void> {
    if (this.#reading !== undefined) {
      return Promise.reject(new PeerbinError('internal', 'a body is read at most once'))
    }
    if (target.byteLength < this.sizeBytes) {
      return Promise.reject(new PeerbinError('internal', 'the memory for a body is too small'))
    }
    this.#reading = this.within(this.#reader.readInto(target, this.sizeBytes, onProgress))
    return this.#reading
  }

  /** Waits for a read that runs, or skips what nobody read. */
  async finish(): Promise<void> {
    await (this.#reading ?? this.#reader.skip(this.sizeBytes))
  }
}
