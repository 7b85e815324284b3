/** One example of every message about accounts: see samples.ts. */

import type { AccountMessages, RequestOf, ResponseOf } from '../../src/protocol/messages.ts'
import type { InviteId, SecretHash, SessionId, UserId } from '../../src/types.ts'

const now = 1_795_262_460_000
const userId = '00000000-0000-4000-8000-000000000004' as UserId
const sessionId = '00000000-0000-4000-8000-000000000005' as SessionId
const keyId = '00000000-0000-4000-8000-000000000006' as SessionId
const inviteId = '00000000-0000-4000-8000-000000000007' as InviteId
const secretHash = 'a1'.repeat(32) as SecretHash
const client = 'b2'.repeat(32)
const proof = 'c3'.repeat(32)

const cost = { memoryKiB: 19_456, passes: 2, parallelism: 1 }
const challenge = { v: 1, ...cost, salt: '5a'.repeat(16) } as const
const password = { ...challenge, hash: 'd4'.repeat(32) as SecretHash }
const actor = { user: userId, role: 'admin', scopes: ['account', 'admin'] } as const
const operator = { user: null, role: 'admin' } as const
const scopes = ['files:read', 'files:write'] as const
const user = {
  id: userId,
  name: 'Zoë Müller',
  role: 'user',
  state: 'active',
  quotaBytes: 10_737_418_240,
  createdAt: now
} as const
const session: ResponseOf<AccountMessages, 'createKey'>['session'] = {
  id: sessionId,
  user: userId,
  name: 'curl/8.5.0',
  kind: 'session',
  scopes: [],
  expiresAt: now + 2_592_000_000,
  createdAt: now,
  lastUsedAt: now
}
const key: typeof session = {
  ...session,
  id: keyId,
  name: 'backup',
  kind: 'key',
  scopes: [...scopes],
  expiresAt: null
}
const invite = {
  id: inviteId,
  role: 'user',
  createdBy: userId,
  createdAt: now,
  expiresAt: now + 604_800_000,
  usedBy: null
} as const
const newSession = { id: sessionId, name: 'curl/8.5.0', expiresInMs: 86_400_000 }
const token = 'eyJhbGciOiJFZERTQSJ9.e30.c2ln'

type Samples = {
  [K in keyof AccountMessages]: {
    request: RequestOf<AccountMessages, K>
    response: ResponseOf<AccountMessages, K>
  }
}
const actorOf = { ...actor, scopes: [...actor.scopes] }

export const accountSamples: Samples = {
  accountState: {
    request: {},
    response: { registration: 'invited', setupNeeded: true, cost, now }
  },
  registerUser: {
    request: {
      id: userId,
      name: user.name,
      password,
      invite: secretHash,
      setup: secretHash,
      client,
      session: newSession
    },
    response: { user, session: session, token }
  },
  createUser: {
    request: { actor: actorOf, id: userId, name: user.name, password, role: 'user', quotaBytes: null },
    response: { user }
  },
  signInChallenge: { request: { name: user.name, client }, response: { challenge, cost } },
  signIn: {
    request: { name: user.name, proof, client, session: newSession, rehash: password },
    response: { outcome: 'signed-in', user, session: session, token }
  },
  findSessions: {
    request: { ids: [sessionId], keys: [secretHash] },
    response: {
      sessions: [
        {
          id: keyId,
          user: userId,
          name: user.name,
          role: 'admin',
          kind: 'key',
          scopes: [...scopes],
          expiresAt: null,
          key: secretHash
        }
      ],
      now
    }
  },
  endSession: { request: { actor: actorOf, id: sessionId }, response: { ended: true } },
  endSessions: {
    request: { actor: actorOf, user: userId, except: sessionId, keys: true },
    response: { ended: 2 }
  },
  listSessions: {
    request: { actor: actorOf, user: userId },
    response: { sessions: [session, key], now }
  },
  createKey: {
    request: { actor: actorOf, id: keyId, name: key.name, scopes: [...scopes], secretHash, expiresAt: null },
    response: { session: key }
  },
  signingKeys: {
    request: {},
    response: {
      keys: [
        {
          kty: 'OKP',
          crv: 'Ed25519',
          alg: 'EdDSA',
          use: 'sig',
          kid: '2026-11-22-0f1e2d3c',
          x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
        }
      ],
      audience: '00000000-0000-4000-8000-000000000008',
      now
    }
  },
  getUser: { request: { actor: actorOf, user: userId }, response: { user } },
  findUser: { request: { actor: operator, name: 'ZOË MÜLLER' }, response: { user } },
  listUsers: {
    request: { actor: actorOf, after: 'zoë', search: 'mül', limit: 100 },
    response: { users: [user], next: 'zoë müller' }
  },
  changeUser: {
    request: {
      actor: actorOf,
      user: userId,
      name: user.name,
      role: 'admin',
      state: 'disabled',
      quotaBytes: 1_073_741_824
    },
    response: { user: { ...user, role: 'admin', state: 'disabled' } }
  },
  changePassword: {
    request: { actor: actorOf, user: userId, proof, client, password, keepSession: sessionId, keys: true },
    response: { outcome: 'wait', retryAfterMs: 60_000 }
  },
  createInvite: {
    request: { actor: actorOf, id: inviteId, hash: secretHash, role: 'user', expiresAt: invite.expiresAt },
    response: { invite }
  },
  listInvites: {
    request: { actor: actorOf, after: inviteId, limit: 100 },
    response: { invites: [{ ...invite, usedBy: userId }], now }
  },
  deleteInvite: { request: { actor: actorOf, id: inviteId }, response: { deleted: true } },
  createAdmin: {
    request: { id: userId, name: user.name, password },
    response: { user: { ...user, role: 'admin', quotaBytes: null } }
  },
  resetPassword: { request: { name: user.name, password, keys: true }, response: { user } }
}
