import t from 'tap'
import type { Test } from 'tap'
import { ControllerClient } from '../../src/client/controller-client.ts'
import { Membership } from '../../src/cluster/membership.ts'
import { defaultConfig } from '../../src/config.ts'
import { PeerbinError } from '../../src/errors.ts'
import { MemoryHub } from '../../src/network/memory-network.ts'
import { CONTROL_PROTOCOL } from '../../src/protocol/limits.ts'
import { controlMessages } from '../../src/protocol/messages.ts'
import { createCaller } from '../../src/protocol/rpc-client.ts'
import { memoryCell } from '../../src/runtime/cell.ts'
import type { Cell } from '../../src/runtime/cell.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { PeerId, Receipt, Term } from '../../src/types.ts'
import { ManualClock, settle } from '../kit/manual-clock.ts'
import { RecordingController } from '../kit/recording-controller.ts'
import { seededRandom } from '../kit/seeded-random.ts'
import { heartbeat } from '../cluster/members.ts'

const NOTHING: { receipts: Receipt[] } = {
  receipts: [
    {
      peer: heartbeat(1).peer,
      host: 'a',
      chunk: 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku',
      generation: 1,
      boot: 1
    } as Receipt
  ]
}

async function setUp(test: Test, options: { term?: Cell<Term> } = {}) {
  const clock = new ManualClock()
  const random = seededRandom(3)
  const hub = new MemoryHub({ clock, random })
  const network = hub.network()
  const membership = new Membership({ clock, ...defaultConfig().heartbeat })
  const rpc = createCaller({
    network,
    protocol: CONTROL_PROTOCOL,
    messages: controlMessages,
    role: 'edge',
    clock
  })
  const config = defaultConfig().controller
  const client = new ControllerClient({ rpc, membership, clock, random, config, ...options })
  await network.start()
  test.teardown(async () => {
    rpc.close()
    await network.stop()
  })
  let sequence = 1
  /** A controller that is heard of with this term. */
  const addController = async (term: number) => {
    const own = hub.network()
    const controller = new RecordingController({ network: own, clock, logger: silentLogger })
    await own.start()
    network.learn(own.self, own.addresses())
    const hear = (says = term): void => {
      const facts = { peer: own.self, roles: ['controller' as const], term: says as Term }
      membership.observe(heartbeat(1, { ...facts, sequence: sequence++ }))
    }
    hear()
    test.teardown(async () => {
      await controller.stop()
      await own.stop()
    })
    return { controller, network: own, hear }
  }
  /** Lets time pass until the call has settled. */
  const finish = async <T>(call: Promise<T>): Promise<T> => {
    let settled = false
    call.then(
      () => (settled = true),
      () => (settled = true)
    )
    await settle()
    for (let i = 0; i < 1000 && !settled; i++) {
      await clock.advance(100)
      await settle()
    }
    return await call
  }
  return { clock, membership, client, addController, finish, hub, self: network.self as PeerId }
}

t.test('with no controller in sight the call fails after a while and says when to come back', async (t) => {
  const { client, clock, finish } = await setUp(t)
  const startedAt = clock.monotonic()
  const call = finish(client.call('recordReceipts', NOTHING))
  await t.rejects(call, { code: 'no-controller', retryAfterMs: Number })
  const waitedMs = clock.monotonic() - startedAt
  t.ok(waitedMs >= 5000 && waitedMs < 6000, `${waitedMs} ms`)
})

t.test('a controller that comes into sight meanwhile is asked at once', async (t) => {
  const { client, clock, addController, finish } = await setUp(t)
  const call = client.call('recordReceipts', NOTHING)
  await clock.advance(1000)
  const { controller } = await addController(1)
  const seenAt = clock.monotonic()
  await finish(call)
  t.equal(controller.reports, 1)
  t.ok(clock.monotonic() - seenAt <= 100, 'not when the wait would have ended')
})

t.test('waiting for a controller ends with the limit of the call, and with its signal', async (t) => {
  const { client, clock, finish } = await setUp(t)
  const startedAt = clock.monotonic()
  await t.rejects(finish(client.call('recordReceipts', NOTHING, { timeoutMs: 1000 })), {
    code: 'no-controller'
  })
  t.ok(clock.monotonic() - startedAt <= 1100)
  const stop = new AbortController()
  const call = client.call('recordReceipts', NOTHING, { signal: stop.signal })
  await clock.advance(1000)
  stop.abort()
  const abortedAt = clock.monotonic()
  await t.rejects(finish(call), { code: 'aborted' })
  t.ok(clock.monotonic() - abortedAt <= 100)
  t.equal(clock.timers, 0, 'and nothing is left behind')
})

t.test('a controller that says it is starting is waited for as long as the call may take', async (t) => {
  const { client, clock, addController, finish } = await setUp(t)
  const { controller, hear } = await addController(0)
  const call = client.call('recordReceipts', NOTHING)
  for (let second = 0; second < 15; second++) {
    await clock.advance(1000)
    hear()
  }
  t.equal(controller.reports, 0, 'it does not lead yet')
  hear(1)
  await finish(call)
  t.equal(controller.reports, 1)
})

t.test('a term that was heard of before a restart is never fallen behind again', async (t) => {
  const term = memoryCell(0 as Term)
  const before = await setUp(t, { term })
  await before.addController(7)
  await before.finish(before.client.call('recordReceipts', NOTHING))
  t.equal(term.get(), 7)

  const after = await setUp(t, { term })
  const zombie = await after.addController(6)
  await t.rejects(after.finish(after.client.call('recordReceipts', NOTHING)), { code: 'no-controller' })
  t.equal(zombie.controller.reports, 0)
  const next = await after.addController(8)
  await after.finish(after.client.call('recordReceipts', NOTHING))
  t.equal(next.controller.reports, 1)
  t.equal(term.get(), 8)
})

t.test('a greater term is stored once, before the first request goes to its controller', async (t) => {
  const inner = memoryCell(0 as Term)
  let stored = 0
  const term = { get: () => inner.get(), set: async (value: Term) => (stored++, await inner.set(value)) }
  const { client, addController, finish } = await setUp(t, { term })
  await addController(3)
  for (let i = 0; i < 3; i++) await finish(client.call('recordReceipts', NOTHING))
  t.equal(stored, 1)
})

t.test('a zombie does not take the place of a leader that says goodbye', async (t) => {
  const { client, addController, finish } = await setUp(t)
  const leader = await addController(7)
  const zombie = await addController(6)
  await finish(client.call('recordReceipts', NOTHING))
  leader.hear(0)
  await t.rejects(finish(client.call('recordReceipts', NOTHING, { timeoutMs: 2000 })), {
    code: 'no-controller'
  })
  t.equal(zombie.controller.reports, 0)
})

t.test('the controller with the greatest term is asked', async (t) => {
  const { client, addController, finish } = await setUp(t)
  const old = await addController(4)
  const leader = await addController(7)
  const other = await addController(5)
  await finish(client.call('recordReceipts', NOTHING))
  t.same(
    [old, leader, other].map(({ controller }) => controller.reports),
    [0, 1, 0]
  )
})

t.test('one of a lower term is never asked, also when the leader is gone', async (t) => {
  const { client, addController, finish, clock } = await setUp(t)
  const leader = await addController(7)
  await leader.controller.stop()
  await leader.network.stop()
  await clock.advance(40_000)
  const zombie = await addController(6)
  await t.rejects(finish(client.call('recordReceipts', NOTHING)), { code: 'no-controller' })
  t.equal(zombie.controller.reports, 0)
})

t.test('a refusal that passes is repeated until it does', async (t) => {
  const { client, addController, finish, clock } = await setUp(t)
  for (const code of ['busy', 'store-failed', 'shutting-down', 'term-stale'] as const) {
    const { controller } = await addController(clock.monotonic() + 1)
    controller.refusal = new PeerbinError(code)
    const call = client.call('recordReceipts', NOTHING)
    await clock.advance(1000)
    t.ok(controller.reports > 1, code)
    controller.refusal = undefined
    await finish(call)
    t.equal(controller.receipts.length, 1)
  }
})

t.test('a refusal that stands is passed on after one request', async (t) => {
  const { client, addController, finish } = await setUp(t)
  const { controller } = await addController(1)
  controller.refusal = new PeerbinError('upload-closed', 'it has ended')
  const call = client.call('recordReceipts', NOTHING)
  await t.rejects(finish(call), { code: 'upload-closed', message: 'it has ended' })
  t.equal(controller.reports, 1)
})

t.test('a controller that restarts within the limit costs a pause and no failure', async (t) => {
  const { client, addController, finish, clock, hub, self } = await setUp(t)
  const { controller, network, hear } = await addController(1)
  hub.cut(self, network.self)
  const call = client.call('recordReceipts', NOTHING)
  await clock.advance(15_000)
  hub.heal(self, network.self)
  hear()
  await finish(call)
  t.equal(controller.reports, 1)
})

t.test('after the limit it gives up, naming that no controller could be reached', async (t) => {
  const { client, addController, finish, clock, hub, self } = await setUp(t)
  const { network } = await addController(1)
  hub.cut(self, network.self, { silent: true })
  const startedAt = clock.monotonic()
  await t.rejects(finish(client.call('recordReceipts', NOTHING, { timeoutMs: 3000 })), {
    code: 'no-controller'
  })
  t.ok(clock.monotonic() - startedAt <= 3500)
})

t.test('a caller that leaves ends the call, in a request and in a pause', async (t) => {
  const { client, addController, finish, clock } = await setUp(t)
  const { controller } = await addController(1)
  controller.refusal = new PeerbinError('busy')
  const stop = new AbortController()
  const call = client.call('recordReceipts', NOTHING, { signal: stop.signal })
  await clock.advance(1000)
  stop.abort()
  await t.rejects(finish(call), { code: 'aborted' })
  const { signal } = stop
  await t.rejects(finish(client.call('recordReceipts', NOTHING, { signal })), { code: 'aborted' })
})
