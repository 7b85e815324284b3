/** Who did what: the record of each sign-in, transfer and change, kept in the metadata for a time. docs/history.md tells what is recorded when. */

import type { EntryId, FileId, HistoryId, SecretHash, SessionId, UserId } from './types.ts'

export const HISTORY_ACTIONS = [
  'login',
  'login-failed',
  'logout',
  'register',
  'password',
  'user.disabled',
  'user.enabled',
  'user.role',
  'user.quota',
  'key.created',
  'key.revoked',
  'upload',
  'upload.status',
  'download',
  'delete',
  'rename',
  'restore',
  'prune',
  'share',
  'unshare',
  'link.upload',
  'link.download',
  'webhook.created',
  'webhook.changed',
  'webhook.removed'
] as const
/** Append-only: stored records and other edges have them. */
export type HistoryAction = (typeof HISTORY_ACTIONS)[number]

/** One thing that was done, or tried. Never a token, a secret or a password. */
export interface HistoryRecord {
  /** Chosen by whoever writes it first, and the same in every repeat: it is kept once. */
  id: HistoryId
  /** When it was over. */
  at: number
  action: HistoryAction
  /** Who did it; null: nobody with an account, or nobody that is known. */
  actor: UserId | null
  /** The name of the actor then; of a sign-in that failed the name that was given. At most HISTORY_NAME_BYTES_MAX. */
  actorName: string | null
  /** Whose file, share or account it was about; null: nobody's. */
  owner: UserId | null
  entry: EntryId | null
  version: number | null
  /** Content that was transferred, where no entry says it: of an anonymous link. */
  file: FileId | null
  /** Path or name of the file then. */
  path: string | null
  /** Bytes that were received or sent, of a transfer that was cut off too. */
  bytes: number | null
  durationMs: number | null
  /** How often it was tried: most tries of one copy of an upload, requests of one claim. */
  attempts: number | null
  /** `ok` or the code of an error (src/errors.ts). */
  outcome: string
  /** Where the request came from: an IP address. */
  address: string | null
  session: SessionId | null
  /** What the action needs beside: the status of `upload.status`, the new path of `rename`, the role, the quota, a key's name. At most HISTORY_DETAIL_BYTES_MAX. */
  detail: string | null
}

/** As an edge tells it. */
export interface ToldHistory extends HistoryRecord {
  /** The link that it was about: its file, and whose that is, are looked up. Not kept. */
  link?: SecretHash | undefined
}

/** `seq` rises with each record that is kept; there are gaps. */
export interface StoredHistory extends HistoryRecord {
  seq: number
}

/** All that are given have to hold. */
export interface HistoryFilter {
  /** Who did it, or whose it was. */
  of?: UserId | undefined
  /** Which file: an entry, or of anonymous links the content. */
  file?: EntryId | FileId | undefined
  action?: HistoryAction | undefined
  /** From this moment on, and before that one. */
  from?: number | undefined
  to?: number | undefined
}

export interface HistoryQuery extends HistoryFilter {
  /** `newest` first: records before `seq`; `oldest` first: those after it. Undefined: from the end of that side. */
  order: 'newest' | 'oldest'
  seq?: number | undefined
  limit: number
}

export interface HistoryPage {
  records: StoredHistory[]
  /** `seq` to go on from; null: there is no more. A page may have fewer records than asked for, or none, and still have one: it looks at a bounded number of rows. */
  next: number | null
}

/** What a share link is for, as the history names it. */
export interface LinkedFile {
  file: FileId
  /** The path of the entry now, or the name of the file. */
  path: string
  /** Of a user's file; null: of an anonymous one. */
  share: { entry: EntryId; owner: UserId; version: number } | null
}

/** Part of the metadata: the history. */
export interface HistoryRecords {
  /** Each once: of an id that is known nothing changes. Answers how many were new. */
  recordHistory(records: readonly HistoryRecord[]): Promise<number>
  listHistory(query: HistoryQuery): Promise<HistoryPage>
  /** Undefined: the link was never there, or its tombstone has gone. */
  findLinked(tokenHash: SecretHash): Promise<LinkedFile | undefined>
  /** Whose an entry is, and where, also for as long as one that was deleted is remembered. */
  locateEntry(id: EntryId): Promise<{ owner: UserId; path: string } | undefined>
  /** Forgets records from before `before`, the oldest first; answers how many, at most `limit`. */
  purgeHistory(before: number, limit: number): Promise<number>
  /** Forgets records that are not among the newest `keep` numbers, the oldest first; answers how many, at most `limit`. */
  trimHistory(keep: number, limit: number): Promise<number>
}

/** A record is kept at most so long after its `at`: whoever takes them in moves an older one up to there. Times find the place in the order by it. */
export const HISTORY_LATE_MS_MAX = 60 * 60 * 1000
