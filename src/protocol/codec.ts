/**
 * The bytes of headers: the only code that knows them. docs/protocol.md describes the format for other implementations.
 *
 * A header is an unsigned varint (the length of what follows, at most HEADER_BYTES_MAX) and a dag-cbor map. What a map may hold is checked against
 * a schema on both sides: here the envelope, in rpc-server.ts and rpc-client.ts the message inside of it.
 */

import { decode, encode } from '@ipld/dag-cbor'
import { z } from 'zod'
import { PeerbinError } from '../errors.ts'
import type { Role } from '../types.ts'
import { CHUNK_BYTES_MAX, HEADER_BYTES_MAX } from './limits.ts'
import { role } from './schema.ts'

/** Version of the framing, said in the hello. */
export const WIRE_VERSION = 1
/** Varint of HEADER_BYTES_MAX: a length that takes more bytes is too large whatever they say. */
export const LENGTH_BYTES_MAX = 3
/** Text of an error on the wire, in UTF-16 units; longer ones are cut by the sender. */
export const ERROR_TEXT_MAX = 1024
/** The same of a name in an error. */
export const ERROR_NAME_MAX = 255
/** Longest name of a message. */
const OP_LENGTH_MAX = 64

const bodySize = z.int().min(0).max(CHUNK_BYTES_MAX)

/** First header of a stream, from the peer that opened it. */
export const helloHeader = z.object({ v: z.literal(WIRE_VERSION), role })
/** A request: the message's name, the message, and the size of the raw bytes that follow if any do. */
export const requestHeader = z.object({
  op: z.string().min(1).max(OP_LENGTH_MAX),
  m: z.unknown(),
  body: bodySize.optional()
})
/** An answer: of the handler, or why there is none. */
export const answerHeader = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), m: z.unknown(), body: bodySize.optional() }),
  z.object({
    ok: z.literal(false),
    code: z.string().min(1).max(64),
    message: z.string().max(ERROR_TEXT_MAX),
    retryAfterMs: z.int().min(0).optional(),
    /** Of `version-conflict`: what counts. */
    version: z.int().min(0).optional(),
    /** Of what is said of one file of a batch: which. */
    index: z.int().min(0).optional(),
    name: z.string().max(ERROR_NAME_MAX).optional(),
    /** Of `clock-skewed`: what time it is, in ms. */
    serverTime: z.int().min(0).optional()
  })
])

export type RequestHeader = z.output<typeof requestHeader>
export type AnswerHeader = z.output<typeof answerHeader>

/** Any of the three, ready to be written. @throws `message-too-large` */
export function encodeHeader(header: Record<string, unknown>): Uint8Array {
  const map = encodeMap(header, HEADER_BYTES_MAX)
  const frame = new Uint8Array(lengthBytes(map.byteLength) + map.byteLength)
  frame.set(map, writeLength(frame, map.byteLength))
  return frame
}

export const encodeHello = (role: Role): Uint8Array => encodeHeader({ v: WIRE_VERSION, role })

/** @throws `protocol-violation` for anything but a map that fits the schema. */
export function decodeHeader<S extends z.ZodType>(schema: S, bytes: Uint8Array): z.output<S> {
  const result = schema.safeParse(decodeMap(bytes))
  if (!result.success) throw violation(describeIssues(result.error))
  return result.data
}

/** A dag-cbor map without a length before it. @throws `message-too-large` */
export function encodeMap(value: Record<string, unknown>, bytesMax: number): Uint8Array {
  const bytes = encode(withoutUndefined(value))
  if (bytes.byteLength > bytesMax) {
    throw new PeerbinError('message-too-large', '', { details: { sizeBytes: bytes.byteLength } })
  }
  return bytes
}

/** @throws `protocol-violation` */
export function decodeMap(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = decode(bytes)
  } catch (error) {
    // the decoder throws on malformed input, and the engine when it is nested too deeply for the stack
    throw violation('not dag-cbor', error)
  }
  if (!isMap(value)) throw violation('not a map')
  return value
}

/** What a schema found wrong: where and why, never the value. */
export const describeIssues = (error: z.ZodError): string =>
  error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.map(String).join('.') || 'message'}: ${issue.message}`)
    .join('; ')
    .slice(0, ERROR_TEXT_MAX)

export const violation = (message: string, cause?: unknown): PeerbinError =>
  new PeerbinError('protocol-violation', message, cause === undefined ? {} : { cause })

/** Bytes that the varint of a length takes. */
const lengthBytes = (length: number): number => (length < 0x80 ? 1 : length < 0x4000 ? 2 : 3)

/** Writes an unsigned varint (LEB128, as multiformats' unsigned-varint); answers how many bytes it took. */
function writeLength(target: Uint8Array, length: number): number {
  let rest = length
  let at = 0
  for (; rest >= 0x80; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80
  target[at++] = rest
  return at
}

/** Reads a length byte by byte, so that a wrong one is found before anything is kept for it. */
export class LengthDecoder {
  #value = 0
  #bytes = 0

  /** The length once its last byte was given; undefined before. @throws `protocol-violation` */
  push(byte: number): number | undefined {
    this.#value += (byte & 0x7f) << (7 * this.#bytes++)
    if (byte >= 0x80) {
      if (this.#bytes >= LENGTH_BYTES_MAX) throw violation('a header is longer than the protocol allows')
      return undefined
    }
    if (byte === 0 && this.#bytes > 1) throw violation('a length is not in its shortest form')
    if (this.#value > HEADER_BYTES_MAX) throw violation('a header is longer than the protocol allows')
    return this.#value
  }
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.getPrototypeOf(value) === Object.prototype

/** dag-cbor has no `undefined`: an optional field that is not set is left out. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([key, field]) => [key, withoutUndefined(field)])
  )
}
