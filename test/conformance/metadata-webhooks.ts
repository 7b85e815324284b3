/** Webhooks: leases, places, what follows from attempts. Events are changes of accounts: each is one. */

import { createHash } from 'node:crypto'
import type { Test } from 'tap'
import { userStream } from '../../src/events.ts'
import type { EventType } from '../../src/events.ts'
import type { LeasedWebhook, SettleDelivery } from '../../src/metadata-webhooks.ts'
import { WEBHOOK_OWNER_PAUSE_MS, WEBHOOK_TURN_MS } from '../../src/metadata-webhooks.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { WEBHOOK_ATTEMPTS_MAX } from '../../src/protocol/limits.ts'
import type { EventId } from '../../src/types.ts'
import type { CourierId, Verdict, WebhookId } from '../../src/webhooks.ts'
import { addUser, userId } from './account-fixture.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { START, rejectsWith } from './metadata-fixture.ts'

const LEASE_MS = 30_000
const PER_OWNER_MAX = 2

const uuid = (text: string): string => {
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
export const hookId = (name: string): WebhookId => uuid(`webhook ${name}`) as WebhookId
const courierOf = (name: string): CourierId => uuid(`courier ${name}`) as CourierId

const make = (
  store: MetadataStore,
  name = 'hook',
  fields: { types?: EventType[]; owner?: string; at?: number } = {}
) =>
  store.createWebhook({
    id: hookId(name),
    owner: userId(fields.owner ?? 'a'),
    stream: userStream(userId(fields.owner ?? 'a')),
    url: `https://example.org/${name}`,
    types: fields.types ?? [],
    description: name,
    secret: `sealed ${name}`,
    createdAt: fields.at ?? START,
    perUserMax: 3
  })

let quota = 1
/** Events of a user. */
async function happen(store: MetadataStore, count = 1, name = 'a'): Promise<void> {
  for (let i = 0; i < count; i++)
    await store.changeUser({ id: userId(name), quotaBytes: quota++, now: START })
}

const lease = (
  store: MetadataStore,
  courier = 'one',
  now = START,
  eventsMax = 10
): Promise<LeasedWebhook[]> =>
  store.leaseWebhooks({
    courier: courierOf(courier),
    now,
    until: now + LEASE_MS,
    limit: 10,
    perOwnerMax: PER_OWNER_MAX,
    eventsMax
  })

async function leaseOne(store: MetadataStore, courier = 'one', now = START): Promise<LeasedWebhook> {
  const [leased] = await lease(store, courier, now)
  if (leased === undefined) throw new Error('nothing was leased')
  return leased
}

const TOLD: Verdict = {
  event: 'told',
  nextAt: null,
  attempts: 0,
  failingSince: null,
  deadInRow: 0,
  disable: null
}
const again = (nextAt: number, attempts = 1): Verdict => ({
  ...TOLD,
  event: 'again',
  nextAt,
  attempts,
  failingSince: START
})
const DEAD: Verdict = { ...TOLD, event: 'dead', failingSince: START, deadInRow: 1 }

const settlement = (
  { webhook, isReplay, events }: LeasedWebhook,
  verdict: Verdict,
  { at = 0, until = null, now = START }: { at?: number; until?: number | null; now?: number } = {}
): SettleDelivery => {
  const event = events[at]
  if (event === undefined || webhook.courier === null) throw new Error('there is no such event')
  const outcome = verdict.event === 'told' ? ('ok' as const) : ('status' as const)
  const attempt = { outcome, status: verdict.event === 'told' ? 204 : 500, durationMs: 12 }
  const { id, courier, lease: number } = webhook
  return { id, courier, lease: number, isReplay, event, verdict, attempt, until, now }
}

const numbersOf = ({ events }: LeasedWebhook): number[] => events.map(({ number }) => number)

export async function testWebhooks(t: Test, makeStore: MakeStore): Promise<void> {
  const withUser = async (part: Test): Promise<MetadataStore> => {
    const store = await makeStore(part)
    await addUser(store, 'a')
    await addUser(store, 'b')
    return store
  }

  await t.test('what its owner does with it', async (t) => {
    const store = await withUser(t)
    await happen(store, 3)
    const before = (await store.listEvents({ stream: userStream(userId('a')), after: 0, limit: 1 })).last
    const made = await make(store)
    t.match(made, { state: 'enabled', place: before, dueAt: null, lease: 0, attempts: 0 })
    t.strictSame(await make(store, 'hook', { at: START + 9 }), made, 'idempotent')
    t.strictSame(await store.getWebhook(made.id), made)
    t.equal(await store.getWebhook(hookId('other')), undefined)
    await make(store, 'two', { at: START + 1 })
    await make(store, 'three', { at: START + 2 })
    await rejectsWith(t, make(store, 'four'), 'webhooks-full')
    await make(store, 'of b', { owner: 'b' })
    const names = async () =>
      (await store.listWebhooks(userId('a'), 10)).map(({ description }) => description)
    t.strictSame(await names(), ['hook', 'two', 'three'])
    t.equal(await store.deleteWebhook(hookId('two')), true)
    t.equal(await store.deleteWebhook(hookId('two')), false)
    await make(store, 'four', { at: START + 3 })
    t.strictSame(await names(), ['hook', 'three', 'four'], 'there is room again')
    const secret = { from: made.secret, to: 'sealed new', until: START + 100 }
    const changed = await store.changeWebhook({ id: made.id, secret, description: 'x', now: START + 5 })
    t.match(changed, {
      secret: 'sealed new',
      previous: { secret: made.secret, until: START + 100 },
      description: 'x',
      changedAt: START + 5
    })
    t.match(
      await store.changeWebhook({ id: made.id, secret: { ...secret, to: 'late' }, now: START + 6 }),
      { secret: 'sealed new' },
      'whoever meant another one changes nothing'
    )
    await rejectsWith(t, store.changeWebhook({ id: hookId('none'), now: START }), 'webhook-unknown')
  })

  await t.test('events are leased in order, to one courier at a time', async (t) => {
    const store = await withUser(t)
    const { id, place } = await make(store)
    t.equal(await store.nextWebhookAt(), null, 'nothing has happened since it was made')
    await happen(store, 3)
    await happen(store, 1, 'b')
    t.equal(await store.nextWebhookAt(), START)
    const leased = await leaseOne(store)
    t.strictSame(numbersOf(leased), [place + 1, place + 2, place + 3])
    t.match(leased, { isReplay: false, webhook: { id, lease: 1, courier: courierOf('one') } })
    t.strictSame(await lease(store, 'two', START + LEASE_MS - 1), [], 'nobody else has it')
    const first = settlement(leased, TOLD, { until: START + LEASE_MS })
    t.equal(await store.settleDelivery(first), true)
    t.equal(await store.settleDelivery(first), true, 'told again it is held still')
    t.equal((await store.listAttempts(id)).length, 1)
    t.equal(await store.settleDelivery(settlement(leased, TOLD, { at: 1 })), false, 'given back')
    t.match(await store.getWebhook(id), { place: place + 2, courier: null })
    t.strictSame(numbersOf(await leaseOne(store, 'two')), [place + 3])
    t.strictSame(await lease(store, 'one', START + 1), [])
  })

  await t.test(
    'a courier that dies is followed by another one, and is not listened to any more',
    async (t) => {
      const store = await withUser(t)
      const { id, place } = await make(store)
      await happen(store, 2)
      const dead = await leaseOne(store, 'one')
      const next = await leaseOne(store, 'two', START + LEASE_MS)
      t.strictSame(numbersOf(next), numbersOf(dead))
      t.strictSame(next.events[0]?.id, dead.events[0]?.id, 'the same id')
      t.equal(await store.settleDelivery(settlement(dead, TOLD)), false)
      t.equal(await store.releaseWebhook({ ...settlement(dead, TOLD), now: START }), false)
      t.match(await store.getWebhook(id), { place, courier: courierOf('two') })
      t.equal(await store.releaseWebhook({ ...settlement(next, TOLD), now: START }), true)
      t.strictSame(numbersOf(await leaseOne(store, 'one')), numbersOf(dead), 'given back, at once')
    }
  )

  await t.test('only wanted types, and the place goes on past the others', async (t) => {
    const store = await withUser(t)
    const { id, place } = await make(store, 'hook', { types: ['file.added'] })
    await happen(store, 5)
    t.strictSame(await lease(store), [])
    t.match(await store.getWebhook(id), { place: place + 5, dueAt: null })
    await store.changeWebhook({ id, types: ['account.changed'], now: START })
    await happen(store, 1)
    t.strictSame(numbersOf(await leaseOne(store)), [place + 6])
  })

  await t.test('an event that fails is tried again at its time, and then those behind it', async (t) => {
    const store = await withUser(t)
    const { id, place } = await make(store)
    await happen(store, 2)
    const leased = await leaseOne(store)
    t.equal(await store.settleDelivery(settlement(leased, again(START + 5000), { until: START + 1 })), false)
    t.match(await store.getWebhook(id), {
      place,
      attempted: place + 1,
      attempts: 1,
      failingSince: START,
      dueAt: START + 5000
    })
    t.strictSame(await lease(store, 'two', START + 4999), [])
    const second = await leaseOne(store, 'two', START + 5000)
    t.strictSame(numbersOf(second), [place + 1, place + 2])
    await store.settleDelivery(settlement(second, DEAD, { now: START + 5000 }))
    t.match(await store.getWebhook(id), { place: place + 1, attempts: 0, deadInRow: 1 })
    t.match(await store.listDeadLetters(id), [{ number: place + 1, status: 500, at: START + 5000 }])
    t.match(await store.listAttempts(id), [
      { attempt: 2, outcome: 'status', nextAt: null },
      { attempt: 1, outcome: 'status', nextAt: START + 5000 }
    ])
    t.strictSame(numbersOf(await leaseOne(store, 'one', START + 5000)), [place + 2])
  })

  await t.test('what was given up is sent again when somebody asks for it, before others', async (t) => {
    const store = await withUser(t)
    const { id, place } = await make(store)
    await happen(store, 2)
    const dead = await leaseOne(store)
    await store.settleDelivery(settlement(dead, DEAD))
    const waiting = await leaseOne(store)
    await store.settleDelivery(settlement(waiting, again(START + 60_000)))
    const event = dead.events[0]?.id ?? ('' as EventId)
    await store.replayEvents({ id, events: [event], now: START + 1 })
    await store.replayEvents({ id, events: [event], now: START + 1 })
    const replayed = await leaseOne(store, 'two', START + 1)
    t.match(replayed, { isReplay: true, events: [{ number: place + 1, id: event }] })
    t.equal(replayed.events.length, 1)
    await store.settleDelivery(settlement(replayed, TOLD, { now: START + 1 }))
    t.strictSame(await store.listDeadLetters(id), [])
    t.match(await store.getWebhook(id), { place: place + 1 })
    t.strictSame(numbersOf(await leaseOne(store, 'two', START + 1)), [place + 2])
    await rejectsWith(
      t,
      store.replayEvents({ id, events: [uuid('no event') as EventId], now: START }),
      'event-unknown'
    )
  })

  await t.test('it goes back to a place, and whoever had it stops', async (t) => {
    const store = await withUser(t)
    const { id, place } = await make(store)
    await happen(store, 3)
    const leased = await leaseOne(store)
    await store.settleDelivery(settlement(leased, TOLD, { until: START + LEASE_MS }))
    await store.rewindWebhook({ id, after: place, now: START + 1 })
    t.equal(await store.settleDelivery(settlement(leased, TOLD, { at: 1 })), false)
    t.match(await store.getWebhook(id), { dueAt: START + LEASE_MS })
    t.strictSame(await lease(store, 'two', START + 1), [], 'not beside the request that may be on its way')
    t.strictSame(numbersOf(await leaseOne(store, 'two', START + LEASE_MS)), [place + 1, place + 2, place + 3])
    for (const after of [place + 4, -1])
      await rejectsWith(t, store.rewindWebhook({ id, after, now: START }), 'cursor-expired')
  })

  await t.test(
    'one that is disabled says so in the stream, keeps its place, and is not leased',
    async (t) => {
      const store = await withUser(t)
      const { id, place } = await make(store)
      const other = await make(store, 'two', { types: ['webhook.disabled'] })
      await happen(store, 2)
      const leased = await leaseOne(store)
      await store.settleDelivery(settlement(leased, { ...again(START + 1), disable: 'gone' }))
      t.match(await store.getWebhook(id), { state: 'disabled', reason: 'gone', dueAt: null, place })
      const told = await leaseOne(store, 'one', START)
      t.match(told.webhook.id, other.id)
      t.match(told.events, [
        { type: 'webhook.disabled', subject: id, data: { webhook_id: id, reason: 'gone' } }
      ])
      t.notMatch(JSON.stringify(told.events), 'example.org', 'its address is not told')
      await happen(store, 1)
      t.match(await store.getWebhook(id), { dueAt: null }, 'events do not wake it')
      await store.changeWebhook({ id, state: 'enabled', now: START + 9 })
      t.match(await store.getWebhook(id), { state: 'enabled', reason: null, attempts: 0, failingSince: null })
      t.equal(numbersOf(await leaseOne(store, 'one', START + LEASE_MS))[0], place + 1)
    }
  )

  await t.test('one that its owner disables while it is told of something ends with that', async (t) => {
    const store = await withUser(t)
    const { id, place } = await make(store)
    await happen(store, 2)
    const leased = await leaseOne(store)
    await store.changeWebhook({ id, state: 'disabled', now: START })
    t.equal(await store.settleDelivery(settlement(leased, TOLD, { until: START + LEASE_MS })), false)
    t.match(await store.getWebhook(id), { place: place + 1, state: 'disabled', reason: 'asked', dueAt: null })
  })

  await t.test('another address begins anew, and nobody goes on at the old one', async (t) => {
    const store = await withUser(t)
    const { id, place } = await make(store)
    await happen(store, 2)
    const leased = await leaseOne(store)
    await store.changeWebhook({ id, url: 'https://example.org/elsewhere', now: START })
    t.equal(await store.settleDelivery(settlement(leased, TOLD)), false)
    t.strictSame(await lease(store, 'two', START + 1), [])
    const next = await leaseOne(store, 'two', START + LEASE_MS)
    t.match(next, { webhook: { url: 'https://example.org/elsewhere' }, events: [{ number: place + 1 }] })
  })

  await t.test('what was forgotten before it could be told is remembered as a gap', async (t) => {
    const store = await withUser(t)
    const { id, place } = await make(store)
    await happen(store, 5)
    await store.trimEvents({ recordsMax: 1_000_000, perStreamMax: 2, limit: 100 })
    t.strictSame(numbersOf(await leaseOne(store)), [place + 4, place + 5])
    t.match(await store.listAttempts(id), [{ outcome: 'gap', missed: 3, event: null, at: START }])
  })

  await t.test(
    'only so many of a user are told something at once, and the others have their turn',
    async (t) => {
      const store = await withUser(t)
      for (const name of ['one', 'two', 'three']) await make(store, name)
      await make(store, 'of b', { owner: 'b' })
      await happen(store, 2)
      await happen(store, 1, 'b')
      const idsOf = (leased: LeasedWebhook[]) => leased.map(({ webhook }) => webhook.id)
      const first = await lease(store)
      const own = first.filter(({ webhook }) => webhook.owner === userId('a'))
      t.equal(own.length, PER_OWNER_MAX)
      t.equal(first.length, PER_OWNER_MAX + 1, 'somebody else has a place')
      const next = await store.nextWebhookAt()
      t.equal(next, START + WEBHOOK_TURN_MS, 'what waits is not due: nobody asks for it in vain')
      t.strictSame(await lease(store, 'two', START + WEBHOOK_TURN_MS), [])
      const [done, other] = own
      if (done === undefined || other === undefined) throw new Error('nothing was leased')
      const now = START + WEBHOOK_TURN_MS
      await store.settleDelivery(settlement(done, TOLD, { now }))
      const second = await lease(store, 'two', now)
      t.equal(second.length, 1)
      t.notOk(idsOf(own).includes(idsOf(second)[0] ?? hookId('')), 'not the one that had its turn')
      await store.settleDelivery(settlement(other, again(now + 200), { now }))
      t.strictSame(idsOf(await lease(store, 'one', now)), idsOf([done]))
      t.strictSame(await lease(store, 'one', now + 199), [], 'a pause after a failure stays one')
      const late = await lease(store, 'one', START + 2 * LEASE_MS)
      t.equal(late.length, PER_OWNER_MAX + 1, 'their courier died')
    }
  )

  await t.test('those of a user who is disabled wait', async (t) => {
    const store = await withUser(t)
    await make(store)
    await happen(store, 1)
    await store.changeUser({ id: userId('a'), state: 'disabled', now: START })
    t.strictSame(await lease(store), [])
    await store.changeUser({ id: userId('a'), state: 'active', now: START })
    t.strictSame(await lease(store, 'one', START + WEBHOOK_OWNER_PAUSE_MS - 1), [])
    t.equal((await lease(store, 'one', START + WEBHOOK_OWNER_PAUSE_MS)).length, 1)
  })

  await t.test('only so many attempts are remembered', async (t) => {
    const store = await withUser(t)
    const { id } = await make(store)
    const test = { event: uuid('test') as EventId, number: null, type: 'webhook.test', nextAt: null } as const
    for (let at = 0; at < WEBHOOK_ATTEMPTS_MAX + 5; at++)
      await store.noteAttempt(id, { ...test, at, outcome: 'ok', status: 200, durationMs: 1, missed: 0 })
    const attempts = await store.listAttempts(id)
    t.equal(attempts.length, WEBHOOK_ATTEMPTS_MAX)
    t.equal(attempts[0]?.attempt, WEBHOOK_ATTEMPTS_MAX + 5)
    await store.deleteWebhook(id)
    await make(store)
    t.strictSame(await store.listAttempts(id), [])
  })
}
