/** What the JSON API answers, as far as the pages read it; docs/http.md has all of it. Times are ISO 8601. */

export type Role = 'admin' | 'user'

export interface Me {
  readonly user_id: string
  readonly username: string
  readonly role: Role
  /** Where it is told. */
  readonly used_bytes?: number
  /** null: no limit. */
  readonly quota_bytes: number | null
  /** Whose quota that is: the user's own, or what the role has. */
  readonly quota_of?: 'user' | 'role'
  readonly created_at: string
}

export interface AllSpace {
  readonly users_bytes: number
  readonly links_bytes: number
}

export interface User extends Me {
  readonly state: 'active' | 'disabled'
}

export interface Session {
  readonly session_id: string
  readonly name: string
  readonly created_at: string
  readonly last_used_at: string | null
  readonly expires_at: string | null
  /** The one that asks. */
  readonly current: boolean
}

export interface Key {
  readonly key_id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly created_at: string
  readonly last_used_at: string | null
  readonly expires_at: string | null
}

export type Status = 'cached' | 'uploaded_successfully' | 'upload_failed'

export interface FileRow {
  readonly file_id: string
  readonly file_name: string
  readonly path: string
  readonly file_size: number
  readonly media_type: string
  readonly upload_date: string
  readonly version: number
  readonly status: Status
  /** Code of why an upload failed. */
  readonly error: string | null
  readonly sha256: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly expires_at: string | null
  readonly owner_id: string
  /** The newest upload, if it failed: what counts is the version before. */
  readonly failed: { readonly version: number; readonly error: string | null } | null
}

export interface FileList {
  readonly files: readonly FileRow[]
  /** With the first page. */
  readonly folders: readonly string[]
  readonly folders_next: string | null
  readonly next: string | null
}

export interface Version {
  readonly version: number
  readonly file_size: number
  readonly upload_date: string
  readonly status: Status
  readonly sha256: string | null
  /** What a download gets that names no version. */
  readonly current: boolean
}

export interface Share {
  /** Names the link; it does not open it. */
  readonly share: string
  readonly version: number
  readonly state: 'live' | 'consumed' | 'expired' | 'revoked' | 'suspended'
  readonly downloads: number
  readonly downloads_left: number
  readonly password_required: boolean
  readonly created_at: string
  readonly expires_at: string
}

/** What sharing answers: as after an upload. */
export interface NewShare {
  readonly url: string
  readonly senderUrl: string
  readonly expiresAt: string
  readonly downloads: number
}

export interface HistoryRecord {
  readonly id: string
  readonly at: string
  readonly action: string
  readonly actor_id: string | null
  readonly actor_name: string | null
  readonly owner_id: string | null
  readonly file_id: string | null
  readonly path: string | null
  readonly version: number | null
  readonly bytes: number | null
  readonly duration_ms: number | null
  readonly attempts: number | null
  readonly outcome: string
  readonly address: string | null
  /** Of `upload.status`. */
  readonly status: Status | null
  /** What the action needs beside: the new path of `rename`, the role, the quota, a name. */
  readonly detail: string | null
}

export interface HistoryPage {
  readonly records: readonly HistoryRecord[]
  readonly next: string | null
}

export interface Invite {
  readonly invite_id: string
  readonly role: Role
  readonly expires_at: string
  /** Id of who registered with it. */
  readonly used_by: string | null
}

export interface Delivery {
  /** null: a gap. */
  readonly event_id: string | null
  readonly type: string | null
  readonly at: string
  readonly outcome: string
  readonly status: number | null
  readonly duration_ms: number
  readonly next_attempt_at: string | null
  /** Of a gap. */
  readonly missed_events: number
}

export interface Deliveries {
  /** The newest first. */
  readonly deliveries: readonly Delivery[]
  readonly dead_letters: readonly unknown[]
}

export interface Webhook {
  readonly webhook_id: string
  readonly url: string
  readonly types: readonly string[]
  readonly description: string
  readonly state: 'enabled' | 'disabled'
  readonly reason: 'asked' | 'gone' | 'dead-letters' | 'failing' | null
  readonly next_attempt_at: string | null
}
