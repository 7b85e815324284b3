/** The part of the metadata that knows users, what they are signed in with, and invitations. The rules for all of it: metadata-store.ts. */

import type {
  AccountRole,
  ActiveSession,
  InviteId,
  InviteRecord,
  PasswordRecord,
  SecretHash,
  SessionId,
  SessionRecord,
  UserId,
  UserRecord,
  UserState
} from './types.ts'

export interface CreateUser {
  /** Active from the start. `nameKey`: what names are compared by (protocol/user-names.ts). */
  user: Omit<UserRecord, 'state'> & { nameKey: string; password: PasswordRecord }
  /** On what it rests beside the name: an invitation for that role that is free, that there is no active administrator yet, or nothing. */
  by: { invite: SecretHash } | 'setup' | 'right'
  /** Who registers is signed in by the same step. */
  session?: { id: SessionId; name: string; expiresAt: number } | undefined
}

/** A user with what only the controller knows. */
export interface StoredUser {
  user: UserRecord
  password: PasswordRecord
}

/** What is given changes, the rest stays. */
export interface ChangeUser {
  id: UserId
  name?: { name: string; nameKey: string } | undefined
  role?: AccountRole | undefined
  state?: UserState | undefined
  quotaBytes?: number | null | undefined
  now: number
  /** Who did it, for the events; undefined: an operator. */
  by?: UserId | undefined
}

export interface ReplacePassword {
  user: UserId
  /** Only if this is the present one. */
  from?: PasswordRecord | undefined
  to: PasswordRecord
  /** The session that is not ended. */
  keep?: SessionId | undefined
  /** API keys end too. */
  keys: boolean
  now: number
  by?: UserId | undefined
}

export interface CreateSession {
  id: SessionId
  user: UserId
  name: string
  createdAt: number
  expiresAt: number
  /** The record that was compared: if it is not the present one any more, nobody is signed in. */
  password: PasswordRecord
  /** Takes its place. */
  rehash?: PasswordRecord | undefined
  /** The oldest above so many end. */
  sessionsMax: number
}

export interface CreateKey extends Omit<SessionRecord, 'kind' | 'lastUsedAt'> {
  secretHash: SecretHash
  keysMax: number
}

export interface UsersPage {
  users: UserRecord[]
  /** Key of the last name that was looked at; null: there are no more. */
  next: string | null
}

export interface UserRecords {
  /**
   * Idempotent by id: answers the user as it is then, and the session if it is still known. `name-taken` when another one has the key of the name; `invite-invalid`
   * (one conditional update uses it, as long as whoever made it is an administrator), `setup-invalid`.
   */
  createUser(request: CreateUser): Promise<{ user: UserRecord; session: SessionRecord | undefined }>
  getUser(id: UserId): Promise<StoredUser | undefined>
  findUser(nameKey: string): Promise<StoredUser | undefined>
  /**
   * By name key after `after`, those whose key contains `search`. Looks at USERS_SCANNED_MAX users at most, so that a page may have fewer than `limit` and not be the last.
   */
  listUsers(request: {
    after?: string | undefined
    search?: string | undefined
    limit: number
  }): Promise<UsersPage>
  /** `user-unknown`, `name-taken`; `last-admin` where no active administrator would be left. Who is disabled is signed out; API keys hold again when the user is active again. */
  changeUser(change: ChangeUser): Promise<UserRecord>
  /** Replaces it and ends sessions, in one step; false when `from` is not the present one. True and nothing replaced when `to` is it already. `user-unknown` */
  replacePassword(request: ReplacePassword): Promise<boolean>
  /** Whether there is an active administrator. */
  hasAdmin(): Promise<boolean>
}

/** Each that begins or ends one writes an event of it into its user's stream, in the same step. */
export interface SessionRecords {
  /** Idempotent by id. `login-failed` when the password is another one by now, `user-disabled`, `user-unknown`. */
  createSession(request: CreateSession): Promise<SessionRecord>
  /** Idempotent by id. `keys-full`, `user-disabled`, `user-unknown`; `invalid-field` for the text of another key. */
  createKey(request: CreateKey): Promise<SessionRecord>
  /** Those of active users that have not ended, each once, in no order. */
  findSessions(request: {
    ids: readonly SessionId[]
    keys: readonly SecretHash[]
    now: number
  }): Promise<Array<ActiveSession & { lastUsedAt: number }>>
  /** Notes when they were used; never an earlier time than before. */
  noteUses(ids: readonly SessionId[], now: number): Promise<void>
  /** Sessions and keys that have not ended, the newest first (by time, then id). */
  listSessions(user: UserId, now: number, limit: number): Promise<SessionRecord[]>
  /** False: it had ended. `session-unknown`; `permission-denied` when it is not of `user`, if that is given. */
  endSession(request: {
    id: SessionId
    user?: UserId | undefined
    now: number
    by?: UserId | undefined
  }): Promise<boolean>
  /** Answers how many. */
  endSessions(request: {
    user: UserId
    except?: SessionId | undefined
    keys: boolean
    now: number
    by?: UserId | undefined
  }): Promise<number>
  /** One bounded step of ending everybody's sessions, not the keys: for metadata that may be older than what ended. Answers how many; 0: none are left. */
  endAllSessions(now: number, limit: number): Promise<number>
}

export interface InviteRecords {
  /** Idempotent by id. */
  createInvite(invite: Omit<InviteRecord, 'usedBy'> & { hash: SecretHash }): Promise<InviteRecord>
  findInvite(hash: SecretHash): Promise<InviteRecord | undefined>
  /** The newest first (by time, then id); `after`: the last of the page before, nothing when that is gone. */
  listInvites(after: InviteId | undefined, limit: number): Promise<InviteRecord[]>
  /** False: there was none. */
  deleteInvite(id: InviteId): Promise<boolean>
  /** Removes sessions, keys and invitations that ended (or were over) before `before`. Answers how many. */
  purgeAccounts(before: number, limit: number): Promise<number>
}

export interface AccountRecords extends UserRecords, SessionRecords, InviteRecords {}
