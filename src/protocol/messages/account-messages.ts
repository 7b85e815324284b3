/** Users, sessions, API keys and invitations, as part of the control protocol. docs/accounts.md explains them. */

import { z } from 'zod'
import {
  SESSIONS_PER_PAGE_MAX,
  SIGNING_KEYS_MAX,
  USERS_PER_PAGE_MAX,
  USER_NAME_KEY_LENGTH_MAX
} from '../limits.ts'
import * as s from '../schema.ts'
import { REGISTRATION_MODES } from '../../types.ts'

const noBodies = { requestBody: false, responseBody: false } as const

/**
 * For whom an edge asks: it has verified who that is, and the controller trusts it. `user` null: an operator, with a command of the cluster; `scopes`: of an API key, what it may be
 * used for, absent for a session. `role` is the one that counts for this request: a key without the scope `admin` acts as `user`.
 */
export const actor = z.object({
  user: s.userId.nullable(),
  role: s.accountRole,
  scopes: s.scopes.optional()
})
export const user = z.object({
  id: s.userId,
  name: z.string(),
  role: s.accountRole,
  state: z.enum(['active', 'disabled']),
  quotaBytes: s.count.nullable(),
  createdAt: s.timeMs
})
const sessionFields = {
  id: s.sessionId,
  user: s.userId,
  name: s.sessionName,
  kind: z.enum(['session', 'key']),
  scopes: s.scopes,
  expiresAt: s.timeMs.nullable()
}
export const session = z.object({ ...sessionFields, createdAt: s.timeMs, lastUsedAt: s.timeMs })
/** `name`, `role`: the user's. `key`: hash of the text of an API key. */
const activeSession = z.object({
  ...sessionFields,
  name: z.string(),
  role: s.accountRole,
  key: s.secretHash.nullable()
})
const invite = z.object({
  id: s.inviteId,
  role: s.accountRole,
  createdBy: s.userId.nullable(),
  createdAt: s.timeMs,
  expiresAt: s.timeMs,
  usedBy: s.userId.nullable()
})
/** `expiresInMs`: `account.sessionMs` when not given, and never longer. */
const newSession = z.object({
  id: s.sessionId,
  name: s.sessionName,
  expiresInMs: z.int().min(1).optional()
})
/** Public half of a signing key, as RFC 8037 has it. */
const publicKey = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  alg: z.literal('EdDSA'),
  use: z.literal('sig'),
  kid: z.string().min(1).max(64),
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'not a public key')
})
/** Of argon2id, for records that are made from now on. */
const cost = s.passwordChallenge.pick({ memoryKiB: true, passes: true, parallelism: true })
/** An access token in its compact form. */
const token = z.string().min(1).max(4096)
/** Whatever somebody typed. */
const typedName = z.string().max(1024)
/** Hash of the address that a request came from, for limits on attempts. */
const client = s.sha256Hex.optional()

export const accountMessages = {
  /** What a visitor may know. `setupNeeded`: there is no administrator, and one can be made with the secret that the controller told its terminal. */
  accountState: {
    request: z.object({}),
    response: z.object({
      registration: z.enum(REGISTRATION_MODES),
      setupNeeded: z.boolean(),
      cost,
      now: s.timeMs
    }),
    ...noBodies
  },
  /** `invite`, `setup`: hashes of those secrets. Repeats (by `id`) answer the same user, and a token for the same session. */
  registerUser: {
    request: z.object({
      id: s.userId,
      name: s.userName,
      password: s.passwordRecord,
      invite: s.secretHash.optional(),
      setup: s.secretHash.optional(),
      client,
      session: newSession
    }),
    response: z.object({ user, session, token }),
    ...noBodies
  },
  /** Made by an administrator, in whatever mode registration is. */
  createUser: {
    request: z.object({
      actor,
      id: s.userId,
      name: s.userName,
      password: s.passwordRecord,
      role: s.accountRole,
      quotaBytes: s.count.nullable().optional()
    }),
    response: z.object({ user }),
    ...noBodies
  },
  /** A name that nobody has gets a challenge as well, always the same. */
  signInChallenge: {
    request: z.object({ name: typedName, client }),
    response: z.object({ challenge: s.passwordChallenge, cost }),
    ...noBodies
  },
  /** `proof`: the tag of argon2id for that challenge. `rehash`: the same password at `cost`, stored in place of the present record if the proof is right. */
  signIn: {
    request: z.object({
      name: typedName,
      proof: s.sha256Hex,
      client,
      session: newSession,
      rehash: s.passwordRecord.optional()
    }),
    response: z.discriminatedUnion('outcome', [
      z.object({ outcome: z.literal('signed-in'), user, session, token }),
      z.object({ outcome: z.literal('wrong') }),
      z.object({ outcome: z.literal('wait'), retryAfterMs: s.count }),
      /** Said only to somebody who knows the password. */
      z.object({ outcome: z.literal('disabled') })
    ]),
    ...noBodies
  },
  /** Those that hold at this moment, and of active users. `keys`: hashes of the texts of API keys. */
  findSessions: {
    request: z.object({
      ids: z.array(s.sessionId).max(SESSIONS_PER_PAGE_MAX),
      keys: z.array(s.secretHash).max(SESSIONS_PER_PAGE_MAX)
    }),
    response: z.object({ sessions: z.array(activeSession).max(2 * SESSIONS_PER_PAGE_MAX), now: s.timeMs }),
    ...noBodies
  },
  /** False: it had ended before. @throws `session-unknown`, `permission-denied` for another user's */
  endSession: {
    request: z.object({ actor, id: s.sessionId }),
    response: z.object({ ended: z.boolean() }),
    ...noBodies
  },
  /** All sessions of a user, and the API keys too if `keys` says so. */
  endSessions: {
    request: z.object({
      actor,
      user: s.userId,
      except: s.sessionId.optional(),
      keys: z.boolean().optional()
    }),
    response: z.object({ ended: s.count }),
    ...noBodies
  },
  /** Sessions and keys that hold, the newest first. */
  listSessions: {
    request: z.object({ actor, user: s.userId }),
    response: z.object({ sessions: z.array(session).max(SESSIONS_PER_PAGE_MAX), now: s.timeMs }),
    ...noBodies
  },
  /** For the actor. `secretHash`: of its text. @throws `permission-denied` for scopes that the actor does not have, `keys-full` */
  createKey: {
    request: z.object({
      actor,
      id: s.sessionId,
      name: s.sessionName.min(1),
      scopes: s.scopes.min(1),
      secretHash: s.secretHash,
      expiresAt: s.timeMs.nullable()
    }),
    response: z.object({ session }),
    ...noBodies
  },
  /** With which access tokens are verified. Tokens are for `audience`. */
  signingKeys: {
    request: z.object({}),
    response: z.object({
      keys: z.array(publicKey).max(SIGNING_KEYS_MAX),
      audience: z.string().min(1).max(128),
      now: s.timeMs
    }),
    ...noBodies
  },
  /** @throws `user-unknown`; `permission-denied` for somebody else, unless the actor is an administrator */
  getUser: {
    request: z.object({ actor, user: s.userId }),
    response: z.object({ user }),
    ...noBodies
  },
  /** For administrators: by the name, in whatever case. @throws `user-unknown` */
  findUser: {
    request: z.object({ actor, name: typedName }),
    response: z.object({ user }),
    ...noBodies
  },
  /** For administrators; by name. `after`: `next` of the page before. A page can be short or empty where a search finds little, and there is more while `next` is not null. */
  listUsers: {
    request: z.object({
      actor,
      after: z.string().max(USER_NAME_KEY_LENGTH_MAX).optional(),
      search: z.string().max(USER_NAME_KEY_LENGTH_MAX).optional(),
      limit: z.int().min(1).max(USERS_PER_PAGE_MAX)
    }),
    response: z.object({
      users: z.array(user).max(USERS_PER_PAGE_MAX),
      next: z.string().max(USER_NAME_KEY_LENGTH_MAX).nullable()
    }),
    ...noBodies
  },
  /** Everybody changes their own name, administrators everything. Who is disabled is signed out. @throws `last-admin`, `name-taken`, `user-unknown`, `permission-denied` */
  changeUser: {
    request: z.object({
      actor,
      user: s.userId,
      name: s.userName.optional(),
      role: s.accountRole.optional(),
      state: z.enum(['active', 'disabled']).optional(),
      quotaBytes: s.count.nullable().optional()
    }),
    response: z.object({ user }),
    ...noBodies
  },
  /**
   * One's own with the proof of the present one (its challenge: signInChallenge); an administrator's for somebody else without. Ends the user's sessions but `keepSession`, and
   * the API keys if `keys` says so.
   */
  changePassword: {
    request: z.object({
      actor,
      user: s.userId,
      proof: s.sha256Hex.optional(),
      client,
      password: s.passwordRecord,
      keepSession: s.sessionId.optional(),
      keys: z.boolean().optional()
    }),
    response: z.discriminatedUnion('outcome', [
      z.object({ outcome: z.literal('changed') }),
      z.object({ outcome: z.literal('wrong') }),
      z.object({ outcome: z.literal('wait'), retryAfterMs: s.count })
    ]),
    ...noBodies
  },
  /** `hash`: of its secret. */
  createInvite: {
    request: z.object({
      actor,
      id: s.inviteId,
      hash: s.secretHash,
      role: s.accountRole,
      expiresAt: s.timeMs
    }),
    response: z.object({ invite }),
    ...noBodies
  },
  /** The newest first; `after`: the last of the page before. */
  listInvites: {
    request: z.object({
      actor,
      after: s.inviteId.optional(),
      limit: z.int().min(1).max(USERS_PER_PAGE_MAX)
    }),
    response: z.object({ invites: z.array(invite).max(USERS_PER_PAGE_MAX), now: s.timeMs }),
    ...noBodies
  },
  /** False: there was none (any more). */
  deleteInvite: {
    request: z.object({ actor, id: s.inviteId }),
    response: z.object({ deleted: z.boolean() }),
    ...noBodies
  },
  /** By an operator. */
  createAdmin: {
    request: z.object({ id: s.userId, name: s.userName, password: s.passwordRecord }),
    response: z.object({ user }),
    ...noBodies
  },
  /** By an operator: for whoever has forgotten it. Ends all sessions of that user, and the API keys if `keys` says so. @throws `user-unknown` */
  resetPassword: {
    request: z.object({ name: typedName, password: s.passwordRecord, keys: z.boolean().optional() }),
    response: z.object({ user }),
    ...noBodies
  }
} as const
