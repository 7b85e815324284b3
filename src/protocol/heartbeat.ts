/** The bytes of the gossip message: one dag-cbor map, without a length before it. */

import type { z } from 'zod'
import { PeerbinError } from '../errors.ts'
import { decodeHeader, describeIssues, encodeMap, violation } from './codec.ts'
import { HEARTBEAT_BYTES_MAX } from './limits.ts'
import { heartbeat } from './messages.ts'

/** A heartbeat as it travels: types.ts `Heartbeat`, the version `v`, and which peers are to start again with a greater boot. */
export type HeartbeatMessage = z.output<typeof heartbeat>

/** @throws `bad-request` when a field is not what the schema asks, `message-too-large` */
export function encodeHeartbeat(message: HeartbeatMessage): Uint8Array {
  const result = heartbeat.safeParse(message)
  if (!result.success) throw new PeerbinError('bad-request', describeIssues(result.error))
  return encodeMap(result.data, HEARTBEAT_BYTES_MAX)
}

/** @throws `protocol-violation` for anything else. Who signed it is for the caller to compare with `peer`. */
export function decodeHeartbeat(bytes: Uint8Array): HeartbeatMessage {
  if (bytes.byteLength > HEARTBEAT_BYTES_MAX) throw violation('a heartbeat is too large')
  return decodeHeader(heartbeat, bytes)
}
