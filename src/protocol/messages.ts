/**
 * Every message of the wire, in one place. A request is a header (dag-cbor, checked against its schema here) and, for some, a
 * body of exactly `sizeBytes` raw bytes; so is an answer. docs/protocol.md explains them; test/protocol pins their bytes.
 *
 * A new optional field is a compatible change; anything else needs a new protocol number (limits.ts).
 */

import { z } from 'zod'
import { RETIRED_MAX } from './limits.ts'
import type { accountMessages } from './messages/account-messages.ts'
import type { blockMessages } from './messages/block-messages.ts'
import type { chunkMessages } from './messages/chunk-messages.ts'
import type { controlMessages } from './messages/control-messages.ts'
import type { userFileMessages } from './messages/user-file-messages.ts'
import type { eventMessages } from './messages/event-messages.ts'
import type { historyMessages } from './messages/history-messages.ts'
import type { poolMessages } from './messages/pool-messages.ts'
import type { webhookMessages } from './messages/webhook-messages.ts'
import type { claimAnswer, placedChunk, scrubReport, target } from './messages/shapes.ts'
import * as s from './schema.ts'

export { chunkMessages } from './messages/chunk-messages.ts'
export { controlMessages } from './messages/control-messages.ts'
export { NOTHING_TO_REPAIR } from './messages/status.ts'

// ---------------------------------------------------------------- heartbeat (gossip)

export const heartbeat = z.object({
  v: z.literal(1),
  peer: s.peerId,
  boot: s.count,
  sequence: z.int().min(1),
  roles: z.array(s.role).min(1).max(4),
  addresses: s.addresses,
  host: s.host,
  zone: s.zone,
  tier: s.tier,
  capacityBytes: s.count,
  freeBytes: s.count,
  usedBytes: s.count,
  chunks: s.count,
  state: s.nodeState,
  version: z.string().max(64),
  term: s.term,
  scrubbedAt: s.timeMs.default(0),
  quarantined: s.count.default(0),
  /** From the leading controller: nodes that were retired, the last ones; nobody talks to them any more. */
  retired: z.array(s.peerId).max(RETIRED_MAX).optional(),
  /** Peers whose heartbeats came with an older boot than was known here, and that boot: they start again above it (cluster/boot.ts). */
  stale: z
    .array(z.object({ peer: s.peerId, boot: s.count }))
    .max(16)
    .optional()
})

// ---------------------------------------------------------------- types

/** One message's definition: schemas, and whether raw bytes follow. */
export interface MessageSpec {
  readonly request: z.ZodType
  readonly response: z.ZodType
  readonly requestBody: boolean
  readonly responseBody: boolean
}
export type MessageTable = Readonly<Record<string, MessageSpec>>

export type ChunkMessages = typeof chunkMessages
export type UserFileMessages = typeof userFileMessages
export type BlockMessages = typeof blockMessages
export type AccountMessages = typeof accountMessages
export type HistoryMessages = typeof historyMessages
export type EventMessages = typeof eventMessages
export type WebhookMessages = typeof webhookMessages
export type PoolMessages = typeof poolMessages
export type ControlMessages = typeof controlMessages
export type RequestOf<T extends MessageTable, K extends keyof T> = z.output<T[K]['request']>
export type ResponseOf<T extends MessageTable, K extends keyof T> = z.output<T[K]['response']>
export type PlacedChunk = z.output<typeof placedChunk>
export type Target = z.output<typeof target>
export type ClaimAnswer = z.output<typeof claimAnswer>
export type ClusterStatus = ResponseOf<ControlMessages, 'status'>
export type ScrubReport = z.output<typeof scrubReport>
