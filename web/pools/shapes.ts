/** What the JSON API answers about pools, as far as the pages read it; docs/http.md has all of it. Times are ISO 8601, durations seconds. */

export const ROLES = ['owner', 'producer', 'listener', 'server'] as const
export type PoolRole = (typeof ROLES)[number]

export interface PoolSettings {
  readonly frequency_s: number
  readonly window_s: number
  readonly grace_s: number
  readonly tolerance_s: number
  readonly max_age_s: number
  /** null: a group waits for its time. */
  readonly close_at_producers: number | null
  readonly lease_s: number
  readonly attempts_max: number
  readonly files_kept_s: number
  readonly results_kept_s: number
}

export interface PoolRow {
  readonly pool: string
  readonly name: string
  readonly state: 'active' | 'archived' | 'deleting'
  /** One's own; null: no member, but an administrator. */
  readonly role: PoolRole | null
  readonly settings: PoolSettings
  readonly members: number
  readonly revision: number
}

export interface Pool extends PoolRow {
  /** Oneself. */
  readonly member: Member | null
  readonly used_bytes: number
  readonly quota_bytes: number | null
  readonly server_time: string
}

export interface Member {
  readonly user: string
  readonly name: string
  readonly role: PoolRole
  /** An account made by a join key. */
  readonly program: boolean
  readonly joined_at: string
  readonly last_sent_at: string | null
  readonly silent_since: string | null
}

export interface JoinKey {
  readonly id: string
  readonly role: PoolRole
  readonly created_at: string
  readonly expires_at: string
  readonly uses: number
  /** null: any number. */
  readonly uses_max: number | null
}

export interface NewJoinKey extends JoinKey {
  readonly key: string
  /** A path, with the key behind its `#`. */
  readonly url: string
}

export type GroupState = 'open' | 'closed' | 'processing' | 'done' | 'failed'

export interface GroupResult {
  readonly name: string
  readonly size: number
  readonly expires: string
}

export interface Group {
  readonly group: string
  readonly start: string
  readonly end: string
  /** 0: the window's group; 1, 2, …: those of files that came later. */
  readonly generation: number
  readonly late: boolean
  readonly state: GroupState
  readonly closes_at: string
  readonly closed_at: string | null
  readonly files: number
  readonly bytes: number
  readonly producers: number
  /** Id of who works on it, or did last. */
  readonly server: string | null
  readonly lease_until: string | null
  readonly attempts: number
  readonly due_at: string | null
  readonly failure: string | null
  readonly result: GroupResult | null
  readonly ended_at: string | null
  /** Its files are not kept any more. */
  readonly emptied: boolean
}

export interface Producer {
  readonly user: string
  readonly name: string
  readonly files: number
  readonly bytes: number
}

export interface Look {
  readonly pool: string
  readonly name: string
  readonly role: PoolRole
  readonly settings: PoolSettings
  readonly expires_at: string
}
