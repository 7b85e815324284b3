/** The tables of webhooks: part of schema.ts. */

import type { WebhookOutcome, WebhookReason } from '../webhooks.ts'

/** Docs: src/metadata-webhooks.ts. Ids are 16 bytes. */
export interface WebhooksTable {
  id: Uint8Array
  owner: Uint8Array
  /** Below `webhooks.perUserMax`; one of each for a user. */
  slot: number
  stream: string
  url: string
  /** With blanks between; empty: all. */
  types: string
  description: string
  state: 'enabled' | 'disabled'
  reason: WebhookReason | null
  created_at: number
  changed_at: number
  secret: string
  previous_secret: string | null
  previous_until: number
  place: number
  attempted: number
  attempts: number
  failing_since: number | null
  dead_in_row: number
  due_at: number | null
  courier: Uint8Array | null
  lease: number
  leased_until: number
  tries: number
  /** Counts changes of the row: each is conditional on the one before. */
  revision: number
}

export interface WebhookAttemptsTable {
  webhook: Uint8Array
  attempt: number
  at: number
  event: Uint8Array | null
  number: number | null
  type: string | null
  outcome: WebhookOutcome
  status: number | null
  duration_ms: number
  next_at: number | null
  missed: number
}

export interface WebhookDeadTable {
  webhook: Uint8Array
  number: number
  event: Uint8Array
  type: string
  at: number
  outcome: WebhookOutcome
  status: number | null
}

/** Events that are to be sent again. */
export interface WebhookReplaysTable {
  webhook: Uint8Array
  number: number
}

export interface WebhookTables {
  webhooks: WebhooksTable
  webhook_attempts: WebhookAttemptsTable
  webhook_dead: WebhookDeadTable
  webhook_replays: WebhookReplaysTable
}
