/** As interleaving.test.ts, for users and what they are signed in with. (Where the first is refused, what the second did is taken back with it.) */

import type { Kysely } from 'kysely'
import t from 'tap'
import { createInvite } from '../../src/metadata/operations/invites.ts'
import type { Schema } from '../../src/metadata/schema.ts'
import { endSessions, findSessions } from '../../src/metadata/operations/sessions.ts'
import { createKey, createSession } from '../../src/metadata/operations/sign-in.ts'
import { changeUser, createUser, replacePassword } from '../../src/metadata/operations/users.ts'
import type { CreateUser } from '../../src/metadata-store.ts'
import { SESSION_END, invite, keyHash, newUser, sessionId, userId } from '../conformance/account-fixture.ts'
import { START, hash, passwordOf } from '../conformance/metadata-fixture.ts'
import { all, testMeetings } from './meeting-runs.ts'
import type { Run } from './meeting.ts'

const user =
  (name: string, fields: Parameters<typeof newUser>[1] = {}, by: CreateUser['by'] = 'right'): Run =>
  (db) =>
    createUser(db, { user: newUser(name, fields), by })
const signIn =
  (session: string, rehash = false): Run =>
  (db) =>
    createSession(db, {
      id: sessionId(session),
      user: userId('a'),
      name: '',
      createdAt: START,
      expiresAt: SESSION_END,
      password: passwordOf('a'),
      rehash: rehash ? { ...passwordOf('a'), passes: 9 } : undefined,
      sessionsMax: 10
    })
const key =
  (name: string): Run =>
  (db) =>
    createKey(db, {
      id: sessionId(name),
      user: userId('a'),
      name,
      scopes: [],
      createdAt: START,
      expiresAt: null,
      secretHash: keyHash(name),
      keysMax: 1
    })
const password: Run = (db) =>
  replacePassword(db, {
    user: userId('a'),
    from: passwordOf('a'),
    to: passwordOf('new'),
    keys: false,
    now: START
  })
const change =
  (name: string, fields: Omit<Parameters<typeof changeUser>[1], 'id' | 'now'>): Run =>
  (db) =>
    changeUser(db, { id: userId(name), now: START, ...fields })
const admins = all(user('a', { role: 'admin' }), user('b', { role: 'admin' }))
const holds = async (db: Kysely<Schema>, ...names: string[]): Promise<number> =>
  (await findSessions(db, { ids: names.map(sessionId), keys: [], now: START })).length

testMeetings(t, {
  'one name for two: one gets it': {
    prepare: user('other'),
    first: user('a'),
    second: user('A'),
    after: ({ first, second }) => first === 'name-taken' && second !== first
  },
  'one registration sent twice': {
    prepare: (db) => createInvite(db, invite('a', 'admin')),
    first: user('a', { role: 'admin' }, { invite: hash('invite a') }),
    second: user('a', { role: 'admin' }, { invite: hash('invite a') }),
    after: ({ first, second }) => JSON.stringify(first) === JSON.stringify(second)
  },
  'one invitation for two: one gets in': {
    prepare: (db) => createInvite(db, invite('a')),
    first: user('a', {}, { invite: hash('invite a') }),
    second: user('b', {}, { invite: hash('invite a') }),
    after: ({ first, second }) => first === 'invite-invalid' && second !== first
  },
  'two first administrators: one is': {
    prepare: user('other'),
    first: user('a', { role: 'admin' }, 'setup'),
    second: user('b', { role: 'admin' }, 'setup'),
    after: ({ first, second }) => first === 'setup-invalid' && second !== first
  },
  'the last two administrators, who are demoted and disabled: one stays': {
    prepare: admins,
    first: change('a', { role: 'user' }),
    second: change('b', { state: 'disabled' }),
    after: ({ first, second }) => first === 'last-admin' && second !== first
  },
  'one administrator, demoted and disabled at once': {
    prepare: admins,
    first: change('a', { role: 'user' }),
    second: change('a', { state: 'disabled' })
  },
  'a sign-in while the password is replaced: it fails, or ends': {
    prepare: user('a'),
    first: signIn('late'),
    second: password,
    after: async ({ plain }) => (await holds(plain, 'late')) === 0
  },
  'a password replaced while somebody signs in with it: that ends': {
    prepare: user('a'),
    first: password,
    second: signIn('late'),
    after: async ({ first, plain }) => first === true && (await holds(plain, 'late')) === 0
  },
  'a sign-in with a better record while the password is replaced': {
    prepare: user('a'),
    first: signIn('late', true),
    second: password,
    after: async ({ first, plain }) => first === 'login-failed' && (await holds(plain, 'late')) === 0
  },
  'a sign-in while the user is disabled': {
    prepare: user('a'),
    first: signIn('late'),
    second: change('a', { state: 'disabled' }),
    after: async ({ plain }) => (await holds(plain, 'late')) === 0
  },
  'a user who is disabled while they sign in': {
    prepare: user('a'),
    first: change('a', { state: 'disabled' }),
    second: signIn('late'),
    after: async ({ plain }) => {
      await change('a', { state: 'active' })(plain)
      return (await holds(plain, 'late')) === 0
    }
  },
  'one sign-in sent twice': {
    prepare: user('a'),
    first: signIn('one'),
    second: signIn('one'),
    after: async ({ first, second, plain }) =>
      JSON.stringify(first) === JSON.stringify(second) && (await holds(plain, 'one')) === 1
  },
  'one key made twice counts once': {
    prepare: user('a'),
    first: key('one'),
    second: key('one'),
    after: async ({ first, second, plain }) =>
      JSON.stringify(first) === JSON.stringify(second) && (await holds(plain, 'one')) === 1
  },
  'two keys where one may be': {
    prepare: user('a'),
    first: key('one'),
    second: key('two'),
    after: ({ first, second }) => first === 'keys-full' && second !== first
  },
  'a key while all keys are ended': {
    prepare: user('a'),
    first: key('one'),
    second: (db) => endSessions(db, { user: userId('a'), keys: true, now: START })
  }
})
