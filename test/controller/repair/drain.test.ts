/** Nodes are emptied, and forgotten: nothing has fewer copies than it should at any time. */

import t from 'tap'
import type { PeerId } from '../../../src/types.ts'
import { overEachStore } from '../cluster.ts'
import { peer } from '../members.ts'
import { DELAY_MS, startRepairWorld } from './repair-world.ts'
import type { RepairWorld } from './repair-world.ts'

const FOUR = ['h1', 'h2', 'h3', 'h4']
/** What is on its way to a node that is to be emptied arrives within this. */
const QUICK = { replication: { putTimeoutMs: 2000 } }

type Drain = { chunksLeft: number; bytesLeft: number; etaMs: number | null; safe: boolean } | null

async function drainOf({ controllerStatus }: RepairWorld, id: PeerId): Promise<Drain | undefined> {
  return (await controllerStatus()).nodes.find((node) => node.peer === id)?.drain
}

overEachStore(t, 'a node is emptied while uploads run, and then retired', async (t, makeStore) => {
  const made = await startRepairWorld(t, { hosts: FOUR, makeStore, config: QUICK })
  const { world, controller, nodes, sender, sendTo, fewest, holders, ask, slow } = made
  const old = await sendTo([0, 1, 2], 8)
  // this one has a copy of everything on the node, and is committed later
  const open = await sender.prepare({ content: ['open 1', 'open 2'], ttlMs: 10_000_000 })
  const [leaving] = nodes
  if (leaving === undefined) return
  await world.pass(2000)
  slow(30)
  t.equal(await drainOf(made, leaving.peer), null)

  await ask('drainNode', { peer: leaving.peer, draining: true })
  await world.until('the node says so', async () => (await leaving.describe()).state === 'draining')
  nodes.push(...nodes.splice(0, 1)) // the sender puts to the first
  await sender.call('commitUpload', open.commit)
  const later = await sender.send({ content: ['later 1', 'later 2'], ttlMs: 10_000_000 })
  const all = [...old.chunks, ...open.chunks, ...later.chunks]
  let least = Infinity
  const left: number[] = []
  await world.until('it is safe to switch it off', async () => {
    least = Math.min(least, await fewest(old.chunks))
    const drain = await drainOf(made, leaving.peer)
    if (drain !== null && drain !== undefined && drain.chunksLeft !== left.at(-1)) left.push(drain.chunksLeft)
    return drain?.safe === true
  })
  t.equal(least, 3, 'nothing had fewer copies at any time')
  t.ok(left.length > 2, `progress is told: ${left.join()}`)
  t.equal(left.at(-1), 0)
  await world.until('it is empty', async () => {
    for (const chunk of all) if (await leaving.holds(chunk)) return false
    return true
  })
  t.equal(await fewest(all), 3)
  t.same(await drainOf(made, leaving.peer), { chunksLeft: 0, bytesLeft: 0, etaMs: 0, safe: true })

  await world.stop(leaving)
  nodes.splice(nodes.indexOf(leaving), 1)
  t.same(await ask('retireNode', { peer: leaving.peer, force: false }), { lastCopies: 0 })
  t.same(await ask('retireNode', { peer: leaving.peer, force: false }), { lastCopies: 0 }, 'twice is once')
  t.equal(controller.membership.get(leaving.peer), undefined)
  await world.until('the store has forgotten it', async () => {
    return (await controller.store.listNodes()).every((node) => node.peer !== leaving.peer)
  })
  t.same(
    (await controller.store.listDecisions()).map(({ decision }) => decision),
    ['retired']
  )
  for (const chunk of all) t.equal((await holders(chunk)).length, 3)
})

t.test(
  'the only copy of an upload that is open is copied before it is safe to switch the node off',
  async (t) => {
    const made = await startRepairWorld(t, { hosts: FOUR, config: QUICK })
    const { world, nodes, sender, sendTo, ask } = made
    await sendTo([0, 1, 2], 2)
    const upload = await sender.open()
    const { chunk } = await sender.place(upload, 0, 'one copy so far', 1)
    const [leaving] = nodes
    if (leaving === undefined) return
    await ask('drainNode', { peer: leaving.peer, draining: true })
    await world.until('it was copied', async () => (await drainOf(made, leaving.peer))?.safe === true)
    const others = await Promise.all(nodes.slice(1).map((node) => node.holds(chunk)))
    t.equal(others.filter(Boolean).length, 3)
  }
)

t.test('a drain is refused when uploads could not go on, and says why', async (t) => {
  const two = await startRepairWorld(t, { hosts: ['h1', 'h2'] })
  const [first] = two.nodes
  if (first === undefined) return
  await t.rejects(two.ask('drainNode', { peer: first.peer, draining: true }), {
    code: 'drain-refused',
    message: /1 other node would be left that take chunks, and uploads need 2/
  })
  await t.rejects(two.ask('drainNode', { peer: peer('nobody'), draining: true }), { code: 'node-unknown' })
  t.equal((await two.controllerStatus()).nodes.find((node) => node.peer === first.peer)?.drain, null)
})

t.test('a drain is refused when the others are all on one machine', async (t) => {
  const { nodes, ask } = await startRepairWorld(t, { hosts: ['h1', 'h1', 'h1', 'h2'] })
  const [first, , , elsewhere] = nodes
  if (first === undefined || elsewhere === undefined) return
  await t.rejects(ask('drainNode', { peer: elsewhere.peer, draining: true }), {
    code: 'drain-refused',
    message: /3 other nodes that take chunks are all on one machine \(h1\)/
  })
  await ask('drainNode', { peer: first.peer, draining: true })
  t.pass()
})

t.test('a drain is refused when the others have no room', async (t) => {
  const { world, nodes, ask } = await startRepairWorld(t, { hosts: FOUR })
  for (const node of nodes) {
    const describe = node.describe.bind(node)
    node.describe = async () => ({ ...(await describe()), usedBytes: 90 * 2 ** 20, freeBytes: 25 * 2 ** 20 })
  }
  await world.beat()
  const [first] = nodes
  if (first === undefined) return
  await t.rejects(ask('drainNode', { peer: first.peer, draining: true }), {
    code: 'drain-refused',
    message: /it holds 90 MiB, and the others have room for 75 MiB/
  })
})

overEachStore(t, 'a drain outlives the controller, and can be taken back', async (t, makeStore) => {
  const made = await startRepairWorld(t, { hosts: FOUR, makeStore, config: QUICK })
  const { world, nodes, controller, lead, ask, sendTo } = made
  await sendTo([0, 1, 2], 2)
  const [leaving] = nodes
  if (leaving === undefined) return
  await ask('drainNode', { peer: leaving.peer, draining: true })
  await world.stop(controller)
  lead(await world.addController(makeStore(), { peer: controller.peer }))
  t.match(await drainOf(made, leaving.peer), { safe: false })
  await world.until('it is safe', async () => (await drainOf(made, leaving.peer))?.safe === true)
  t.equal((await leaving.describe()).state, 'draining')

  await ask('drainNode', { peer: leaving.peer, draining: false })
  t.equal(await drainOf(made, leaving.peer), null)
  await world.until('the node takes chunks again', async () => (await leaving.describe()).state === 'active')
  t.pass()
})

t.test('a node that restarts while it is emptied is told again', async (t) => {
  const made = await startRepairWorld(t, { hosts: FOUR, config: QUICK })
  const { world, nodes, ask, kill, revive, sendTo } = made
  await sendTo([0, 1, 2], 2)
  const [leaving] = nodes
  if (leaving === undefined) return
  await ask('drainNode', { peer: leaving.peer, draining: true })
  await world.until('it says so', async () => (await leaving.describe()).state === 'draining')
  await kill(leaving)
  const again = await revive(leaving) // with an empty cell, as after the loss of its data folder
  t.equal((await again.describe()).state, 'active')
  await world.until('it says so again', async () => (await again.describe()).state === 'draining')
  await world.until('it is safe', async () => (await drainOf(made, again.peer))?.safe === true)
  t.pass()
})

t.test('a running node is not retired before it is emptied, whatever is forced', async (t) => {
  const { nodes, ask, sendTo } = await startRepairWorld(t, { hosts: FOUR })
  await sendTo([0, 1, 2], 2)
  const [first] = nodes
  if (first === undefined) return
  for (const force of [false, true]) {
    await t.rejects(ask('retireNode', { peer: first.peer, force }), {
      code: 'retire-refused',
      message: /it is running and was not emptied: drain it first/
    })
  }
  await ask('drainNode', { peer: first.peer, draining: true })
  await t.rejects(ask('retireNode', { peer: first.peer, force: true }), { code: 'retire-refused' })
})

t.test(
  'a node is not safe to switch off while another is silent, and is again when that one is back',
  async (t) => {
    const made = await startRepairWorld(t, { hosts: FOUR, config: QUICK })
    const { world, nodes, controller, ask, kill, revive, sendTo } = made
    await sendTo([0, 1, 2], 4)
    const [leaving, , , other] = nodes
    if (leaving === undefined || other === undefined) return t.fail('there are nodes')
    await ask('drainNode', { peer: leaving.peer, draining: true })
    const isSafe = async (): Promise<boolean> => (await drainOf(made, leaving.peer))?.safe === true
    await world.until('it is safe', isSafe)
    await kill(other)
    await world.until(
      'that is noticed',
      async () => controller.membership.get(other.peer)?.liveness === 'suspect'
    )
    t.notOk(await isSafe())
    await t.rejects(ask('retireNode', { peer: leaving.peer, force: true }), {
      code: 'retire-refused',
      message: /other nodes are not heard at the moment/
    })
    await revive(other)
    await world.until('it is safe again', isSafe)
  }
)

t.test('a dead node is retired once its chunks have their copies elsewhere', async (t) => {
  const made = await startRepairWorld(t, { hosts: FOUR })
  const { world, nodes, controller, ask, kill, sendTo, fewest, slow } = made
  const { chunks } = await sendTo([0, 1, 2], 4)
  const [, , dead] = nodes
  if (dead === undefined) return
  slow(100)
  await kill(dead)
  await world.pass(DELAY_MS - 2000)
  await t.rejects(ask('retireNode', { peer: dead.peer, force: false }), {
    code: 'retire-refused',
    message: /it is down, and 5 chunks \(1 MiB\) have too few copies elsewhere .* 0 of them none/
  })
  await world.until('its chunks are back', async () => (await fewest(chunks)) === 3)
  await world.pass(1000)
  t.same(await ask('retireNode', { peer: dead.peer, force: false }), { lastCopies: 0 })
  const comesBack = await world.addNode(dead.host, { peer: dead.peer, store: dead.store })
  await world.pass(3000)
  t.ok(comesBack.boot > dead.boot)
  t.equal(controller.membership.get(dead.peer), undefined, 'whatever is still heard of it')
  t.ok((await controller.store.listNodes()).every(({ peer: id }) => id !== dead.peer))
  await t.rejects(ask('drainNode', { peer: dead.peer, draining: true }), { code: 'node-retired' })
})

t.test('a dead node with last copies is retired by force only, which says how many are lost', async (t) => {
  const made = await startRepairWorld(t, { hosts: FOUR })
  const { world, nodes, ask, kill, sendTo } = made
  const { chunks } = await sendTo([1, 2], 3)
  const [, first, second] = nodes
  if (first === undefined || second === undefined) return
  // both at once: nobody is left to copy from
  await kill(first)
  await kill(second)
  await world.pass(DELAY_MS + 2000)
  await t.rejects(ask('retireNode', { peer: first.peer, force: false }), {
    message: new RegExp(`${chunks.length} chunks .* ${chunks.length} of them none`)
  })
  t.same(await ask('retireNode', { peer: first.peer, force: true }), { lastCopies: chunks.length })
})
