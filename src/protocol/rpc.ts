/**
 * Requests and answers over streams of the network: the shapes that callers and handlers see. rpc-client.ts sends, rpc-server.ts serves, and
 * codec.ts alone knows the bytes. A stream carries one request after another and is kept for the next one.
 */

import type { PeerId, Role } from '../types.ts'
import type { MessageTable, RequestOf, ResponseOf } from './messages.ts'

/** Raw bytes that follow a header, of a length known in advance. */
export interface BodySource {
  readonly sizeBytes: number
  /** Exactly `sizeBytes` in pieces of any size; the sender cuts larger ones to FRAME_BYTES_MAX. They must not change until the answer came. */
  readonly pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  /** Whether `pieces` can be gone through again, from the start, when a kept stream turns out to have died. Arrays always can. */
  readonly repeatable?: boolean
}

/** The body of a request, while it arrives. Its size was checked against the message's limit before anything was read. */
export interface BodyReader {
  readonly sizeBytes: number
  /**
   * Reads everything into the first `sizeBytes` of `target`; `onProgress` is told after each piece how many bytes stand there by now.
   * Call it at most once; what a handler does not read is skipped before the next request.
   */
  readInto(target: Uint8Array, onProgress?: (filledBytes: number) => void): Promise<void>
}

/** A request as a handler gets it. */
export interface RpcRequest<Message> {
  readonly from: PeerId
  /** What the sender said it is when it opened the stream; already checked against the policy. */
  readonly role: Role
  readonly message: Message
  /** Present exactly when the message has a request body. */
  readonly body: BodyReader | undefined
  /** Aborts when the peer is gone or the server stops. */
  readonly signal: AbortSignal
}

export interface RpcAnswer<Message> {
  readonly message: Message
  /** Present exactly when the message has a response body. */
  readonly body?: BodySource
  /** Called once, after the answer was handed over or has failed: buffers can be given back. */
  readonly done?: () => void
}

export type RpcHandlers<T extends MessageTable> = {
  readonly [K in keyof T]: (request: RpcRequest<RequestOf<T, K>>) => Promise<RpcAnswer<ResponseOf<T, K>>>
}

export interface CallOptions {
  signal?: AbortSignal
  /** Limit for the whole call, opening a stream included. */
  timeoutMs: number
  body?: BodySource
  /** Takes the body of the answer: called with its size (checked against CHUNK_BYTES_MAX) before a byte is read, gives the memory for it. */
  allocate?: (sizeBytes: number) => Uint8Array
}

export interface CallResult<Message> {
  readonly message: Message
  /** The memory `allocate` gave, cut to the body's size. */
  readonly body: Uint8Array | undefined
}

/** One protocol, as its callers see it. Errors of the remote handler come back as PeerbinError with their code. */
export interface RpcCaller<T extends MessageTable> {
  call<K extends keyof T & string>(
    peer: PeerId,
    op: K,
    message: RequestOf<T, K>,
    options: CallOptions
  ): Promise<CallResult<ResponseOf<T, K>>>
  /** Aborts what is under way and drops kept streams. */
  close(): void
}
