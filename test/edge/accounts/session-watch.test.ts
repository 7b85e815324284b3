/** How an edge knows which sessions are active, and how soon it knows that one is not. */

import t from 'tap'
import type { AskSessions, SessionName } from '../../../src/edge/accounts/session-questions.ts'
import { SessionWatch } from '../../../src/edge/accounts/session-watch.ts'
import type { Actor } from '../../../src/edge/accounts/actor.ts'
import { PeerbinError, hasCode } from '../../../src/errors.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { SCOPES } from '../../../src/types.ts'
import type { AccountRole, ActiveSession, SecretHash, SessionId, UserId } from '../../../src/types.ts'
import { ManualClock, settle } from '../../kit/manual-clock.ts'

const idOf = (n: number): SessionId => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` as SessionId

function session(n: number, role: AccountRole = 'user'): ActiveSession {
  const user = `00000000-0000-4000-9000-${String(n).padStart(12, '0')}` as UserId
  return {
    id: idOf(n),
    user,
    name: `user ${n}`,
    role,
    kind: 'session',
    scopes: [],
    expiresAt: null,
    key: null
  }
}

/** A controller that knows these sessions, and a watch that asks it. */
function start(options: { answerMs?: number; unconfirmedMs?: number } = {}) {
  const clock = new ManualClock()
  const active = new Map<string, ActiveSession>()
  const asked: Array<readonly SessionName[]> = []
  const state = { isReachable: true }
  const ask: AskSessions = async (names) => {
    asked.push(names)
    // decided when it is asked, told later
    const answer = names.flatMap((name) => {
      const found =
        'id' in name ? active.get(name.id) : [...active.values()].find(({ key }) => key === name.key)
      return found === undefined ? [] : [found]
    })
    const { answerMs = 0 } = options
    if (answerMs > 0) await new Promise<void>((resolve) => clock.setTimer(answerMs, resolve))
    if (!state.isReachable) throw new PeerbinError('no-controller')
    return answer
  }
  const config = { account: { unconfirmedMs: options.unconfirmedMs ?? 30_000 } }
  const watch = new SessionWatch({ ask, clock, logger: silentLogger, config })
  const add = (n: number, role?: AccountRole): void => void active.set(idOf(n), session(n, role))
  const actorOf = async (n: number): Promise<Actor> => {
    const actor = await watch.find({ id: idOf(n) })
    if (actor === undefined) throw new Error(`session ${n} is not active`)
    return actor
  }
  return { clock, active, asked, state, watch, add, actorOf }
}

const codeOf = (signal: AbortSignal): string => {
  const reason: unknown = signal.reason
  return hasCode(reason) ? reason.code : 'none'
}

t.test('an answer is good for half a second, and those of one moment are one message', async (t) => {
  const { clock, active, asked, watch, add } = start()
  for (let n = 0; n < 100; n++) add(n)
  const found = await Promise.all(
    Array.from({ length: 200 }, async (_, i) => watch.find({ id: idOf(i % 100) }))
  )
  t.ok(found.every((actor) => actor !== undefined))
  t.same(
    asked.map(({ length }) => length),
    [100]
  )
  await clock.advance(499)
  await watch.find({ id: idOf(1) })
  t.equal(asked.length, 1)
  active.delete(idOf(1))
  await clock.advance(1)
  t.equal(await watch.find({ id: idOf(1) }), undefined)
  t.equal(await watch.find({ id: idOf(1) }), undefined)
  t.equal(asked.length, 3, 'a no is not remembered')
})

t.test('what counts is when it was asked, not when the answer came', async (t) => {
  const { clock, active, watch, add } = start({ answerMs: 400 })
  add(1)
  const first = watch.find({ id: idOf(1) })
  await clock.advance(10)
  active.delete(idOf(1)) // it was active when it was asked for
  await clock.advance(390)
  t.not(await first, undefined)
  await clock.advance(100)
  const second = watch.find({ id: idOf(1) })
  await clock.advance(400)
  t.equal(await second, undefined, 'within a second of its end')
})

t.test('a session that ends takes what is under way with it, within a second', async (t) => {
  const { clock, active, watch, add, actorOf } = start({ answerMs: 100 })
  const found = [1, 2].map(async (n) => {
    add(n)
    return await actorOf(n)
  })
  await clock.advance(100)
  const [one, two] = await Promise.all(found)
  if (one === undefined || two === undefined) throw new Error('no actors')
  using ended = watch.guard(one)
  using alsoEnded = watch.guard(one)
  using other = watch.guard(two)
  await clock.advance(5000)
  t.notOk(ended.signal.aborted || other.signal.aborted)
  active.delete(one.session)
  await clock.advance(1000)
  t.equal(codeOf(ended.signal), 'credentials-invalid')
  t.equal(codeOf(alsoEnded.signal), 'credentials-invalid')
  t.notOk(other.signal.aborted)
  t.equal(watch.guards, 1)
})

t.test('who is no administrator any more loses what was open as one', async (t) => {
  const { clock, watch, add, actorOf } = start()
  add(1, 'admin')
  using guard = watch.guard(await actorOf(1))
  add(1, 'user')
  await clock.advance(1000)
  t.equal(codeOf(guard.signal), 'credentials-invalid')
  using asUser = watch.guard(await actorOf(1))
  await clock.advance(1000)
  t.notOk(asUser.signal.aborted)
})

t.test('a key without the scope admin is never an administrator', async (t) => {
  const { active, watch } = start()
  const key = 'ab'.repeat(32) as SecretHash
  active.set(idOf(1), { ...session(1, 'admin'), kind: 'key', key, scopes: ['files:read'] })
  t.match(await watch.find({ key }), { role: 'user', scopes: ['files:read'], kind: 'key' })
  active.set(idOf(2), {
    ...session(2, 'user'),
    kind: 'key',
    key: 'cd'.repeat(32) as SecretHash,
    scopes: [...SCOPES]
  })
  const actor = await watch.find({ key: 'cd'.repeat(32) as SecretHash })
  t.equal(actor?.role, 'user')
  t.notOk(actor?.scopes.includes('admin'), 'nor is that of a user, whatever it was given')
})

t.test('a request that took its time is looked at again, and one that did not costs nothing', async (t) => {
  const { clock, active, asked, watch, add } = start()
  const key = 'ab'.repeat(32) as SecretHash
  active.set(idOf(1), { ...session(1, 'admin'), kind: 'key', key, scopes: ['admin'] })
  const byKey = await watch.find({ key })
  add(2, 'admin')
  const admin = await watch.find({ id: idOf(2) })
  if (byKey === undefined || admin === undefined) throw new Error('no actors')
  await watch.confirm(byKey)
  await watch.confirm(admin)
  t.equal(asked.length, 2)
  active.delete(idOf(1))
  add(2, 'user')
  await clock.advance(500)
  await t.rejects(watch.confirm(byKey), { code: 'credentials-invalid' })
  await t.rejects(watch.confirm(admin), { code: 'credentials-invalid' }, 'who was an administrator')
  await watch.confirm({ ...admin, role: 'user' })
})

t.test('while no controller answers, what is open goes on for a while, and nothing begins', async (t) => {
  const { clock, state, watch, add, actorOf } = start({ unconfirmedMs: 3000 })
  add(1)
  const actor = await actorOf(1)
  using guard = watch.guard(actor)
  await clock.advance(1000)
  state.isReachable = false
  await clock.advance(2500)
  t.notOk(guard.signal.aborted)
  await t.rejects(watch.find({ id: idOf(1) }), { code: 'no-controller' })
  state.isReachable = true
  await clock.advance(1000)
  state.isReachable = false
  await clock.advance(2500)
  t.notOk(guard.signal.aborted, 'an answer in between counts from then on')
  await clock.advance(1100)
  t.equal(codeOf(guard.signal), 'no-controller')
})

t.test('what this edge itself has ended is dead here at once', async (t) => {
  const { clock, active, watch, add, actorOf } = start({ answerMs: 50 })
  add(1)
  const found = actorOf(1)
  await clock.advance(50)
  using guard = watch.guard(await found)
  await clock.advance(600)
  const late = watch.find({ id: idOf(1) }) // asked before the end, answered after it
  await settle()
  active.delete(idOf(1))
  watch.changed()
  await clock.advance(50)
  await late
  t.ok(guard.signal.aborted)
  const again = watch.find({ id: idOf(1) })
  await clock.advance(50)
  t.equal(await again, undefined, 'the late answer was not remembered')
})

t.test('nothing is asked and no timer runs when nothing is open', async (t) => {
  const { clock, asked, watch, add, actorOf } = start()
  add(1)
  {
    using _guard = watch.guard(await actorOf(1))
    await clock.advance(1200)
    t.equal(asked.length, 3)
  }
  await settle()
  await clock.advance(5000)
  t.equal(asked.length, 3)
  t.equal(clock.timers, 0)
  using _again = watch.guard(await actorOf(1))
  await clock.advance(600)
  t.equal(asked.length, 5, 'and begins again with the next')
  await watch.stop()
  t.equal(clock.timers, 0)
})
