/** Random operations on users, sessions and invitations: SQLite answers as the store in memory, which is the model, and its counts stay right. */

import { join } from 'node:path'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { asPeerbinError } from '../../src/errors.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import {
  addKey,
  addUser,
  invite,
  inviteId,
  keyHash,
  newUser,
  sessionId,
  signIn,
  userId
} from '../conformance/account-fixture.ts'
import { START, hash, passwordOf } from '../conformance/metadata-fixture.ts'
import { testFolder } from '../kit/test-folder.ts'
import { auditFile } from './audit.ts'

const RUNS = Number(process.env['PEERBIN_MODEL_RUNS'] ?? 15)

type Step = (store: MetadataStore, now: number) => Promise<unknown>

const NAMES = ['a', 'b', 'c', 'd']
const name = fc.constantFrom(...NAMES)
const session = fc.constantFrom('s1', 's2', 's3', 'k1', 'k2', 'k3')
const role = fc.constantFrom('user' as const, 'admin' as const)
const bool = fc.boolean()
const lifeMs = fc.constantFrom(1, 30, 1000)

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(name, role).map<Step>(
    ([of, as]) =>
      (store, now) =>
        addUser(store, of, { role: as, createdAt: now })
  ),
  fc.tuple(name, name, role).map<Step>(
    ([of, by, as]) =>
      (store, now) =>
        store.createUser({
          user: newUser(of, { role: as, createdAt: now }),
          by: { invite: hash(`invite ${by}`) },
          session: { id: sessionId('s1'), name: 'first', expiresAt: now + 30 }
        })
  ),
  name.map<Step>((of) => (store) => store.createUser({ user: newUser(of, { role: 'admin' }), by: 'setup' })),
  fc
    .tuple(name, fc.option(role, { nil: undefined }), fc.option(bool, { nil: undefined }), bool, name)
    .map<Step>(
      ([of, as, active, isNamed, called]) =>
        (store, now) =>
          store.changeUser({
            id: userId(of),
            role: as,
            ...(active !== undefined && { state: active ? 'active' : 'disabled' }),
            ...(isNamed && { name: { name: called, nameKey: called } }),
            now
          })
    ),
  fc.tuple(name, name, name, session, bool, bool).map<Step>(
    ([of, from, to, keep, isFrom, keys]) =>
      (store, now) =>
        store.replacePassword({
          user: userId(of),
          from: isFrom ? passwordOf(from) : undefined,
          to: passwordOf(to),
          keep: sessionId(keep),
          keys,
          now
        })
  ),
  fc.tuple(name, session, lifeMs, name, bool).map<Step>(
    ([of, as, ms, better, isBetter]) =>
      (store, now) =>
        signIn(store, of, as, {
          createdAt: now,
          expiresAt: now + ms,
          sessionsMax: 2,
          rehash: isBetter ? passwordOf(better) : undefined
        })
  ),
  fc.tuple(name, session, lifeMs, bool).map<Step>(
    ([of, as, ms, ends]) =>
      (store, now) =>
        addKey(store, of, as, { createdAt: now, expiresAt: ends ? now + ms : null })
  ),
  fc.tuple(session, fc.option(name, { nil: undefined })).map<Step>(
    ([of, user]) =>
      (store, now) =>
        store.endSession({ id: sessionId(of), user: user === undefined ? undefined : userId(user), now })
  ),
  fc.tuple(name, session, bool).map<Step>(
    ([of, except, keys]) =>
      (store, now) =>
        store.endSessions({ user: userId(of), except: sessionId(except), keys, now })
  ),
  fc.constant<Step>((store, now) => store.endAllSessions(now, 2)),
  session.map<Step>((of) => (store, now) => store.noteUses([sessionId(of)], now)),
  fc.tuple(name, role, lifeMs).map<Step>(
    ([of, as, ms]) =>
      (store, now) =>
        store.createInvite({ ...invite(of, as), createdAt: now, expiresAt: now + ms })
  ),
  name.map<Step>((of) => (store) => store.deleteInvite(inviteId(of))),
  fc.constant<Step>((store, now) => store.purgeAccounts(now - 20, 2))
)

/** Everything that can be asked. */
async function observe(store: MetadataStore, now: number): Promise<unknown> {
  const ids = ['s1', 's2', 's3', 'k1', 'k2', 'k3'].map(sessionId)
  const keys = ['k1', 'k2', 'k3'].map(keyHash)
  const found = await store.findSessions({ ids: ids.slice(0, 4), keys, now })
  return {
    users: await store.listUsers({ limit: 10 }),
    stored: await Promise.all(NAMES.map((of) => store.getUser(userId(of)))),
    hasAdmin: await store.hasAdmin(),
    found: found.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    sessions: await Promise.all(NAMES.map((of) => store.listSessions(userId(of), now, 10))),
    invites: await store.listInvites(undefined, 10),
    events: await store.tailEvents({ after: 0, limit: 10_000 })
  }
}

/** An answer, or the code of an error, as a value. */
const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => ({ rejected: asPeerbinError(error).code }))

t.test('SQLite answers as the model', async (t) => {
  const folder = testFolder(t)
  let run = 0
  const steps = fc.array(fc.tuple(step, fc.constantFrom(0, 5, 50)), {
    minLength: 20,
    maxLength: 60,
    size: 'max'
  })
  await fc.assert(
    fc.asyncProperty(steps, async (played) => {
      const file = join(folder, `${run++}.db`)
      const real = new SqliteMetadataStore({ file, operationsWaitingMax: 100, logger: silentLogger })
      const model = new MemoryMetadataStore()
      await Promise.all([real.open(), model.open()])
      let now = START
      try {
        for (const [each, passMs] of played) {
          now += passMs
          assert.deepEqual(await outcome(each(real, now)), await outcome(each(model, now)))
        }
        assert.deepEqual(await observe(real, now), await observe(model, now))
      } finally {
        await real.close()
      }
      assert.deepEqual(auditFile(file), [])
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 20_000 }
  )
  t.ok(run > 0)
})
