import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import type { ChunkMessages, RequestOf } from '../../src/protocol/messages.ts'
import { type Cell, memoryCell } from '../../src/runtime/cell.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { Draining } from '../../src/node/draining.ts'
import { TermFence } from '../../src/node/term-fence.ts'
import type { Logger } from '../../src/interfaces.ts'
import { peerId } from '../cluster/members.ts'
import { until } from '../kit/until.ts'
import { holds, start, startGated } from './node-cluster.ts'
import { ask, orderOf, single, term } from './orders-kit.ts'
import { generation, putChunk, someChunk } from './put-chunk.ts'

t.test('a node that is emptied says so, takes nothing, and gives and deletes what it has', async (t) => {
  const cluster = await start(t, { nodes: 3 })
  const edge = await cluster.client()
  const leader = await cluster.client('controller')
  const [node, other] = [cluster.node(0), cluster.node(1)]
  const chunk = someChunk(1000)
  await putChunk(edge, node, chunk, single)
  const stateOf = (): string | undefined => edge.membership.get(node.peer)?.state
  await ask(leader, node, 'setDraining', { term: term(2), draining: true })
  await until('the edge hears of it', () => stateOf() === 'draining')

  const fresh = someChunk(1000)
  const refused = putChunk(edge, node, fresh, single)
  await t.rejects(refused, { code: 'shutting-down', message: /emptied/ }, 'writers go elsewhere at once')
  await t.rejects(putChunk(edge, node, chunk, single), { code: 'shutting-down' }, 'nor what it has already')
  const passedOn = await putChunk(edge, other, fresh, { copies: 2, targets: cluster.targets(0, 2) })
  t.same(
    passedOn.receipts.map((receipt) => receipt.peer).toSorted(),
    [cluster.node(1).peer, cluster.node(2).peer].toSorted(),
    'other nodes pass copies on to the next one'
  )

  const got = await edge.chunkRpc.call(
    node.peer,
    'get',
    { id: chunk.id, offset: 0 },
    { timeoutMs: 10_000, allocate: (size) => new Uint8Array(size) }
  )
  t.same(Buffer.from(got.body ?? []), Buffer.from(chunk.bytes))
  const copy = { term: term(2), id: chunk.id, generation: generation(1), to: other.peer }
  t.match(await ask(leader, node, 'copy', copy), { receipt: { peer: other.peer }, busy: 0 })
  t.same(await ask(leader, node, 'delete', { term: term(2), orders: [orderOf(chunk)] }), { gone: [true] })

  const late = ask(leader, node, 'setDraining', { term: term(1), draining: false })
  await t.rejects(late, { code: 'term-stale' })
  t.equal(stateOf(), 'draining')
  await cluster.restartNode(0)
  t.equal(stateOf(), 'draining', 'it remembers that over a restart')
  await ask(leader, cluster.node(0), 'setDraining', { term: term(2), draining: false })
  await until('the edge hears of it', () => stateOf() === 'active')
  await putChunk(edge, cluster.node(0), fresh, single)
  t.ok(await holds(cluster.node(0), fresh))
})

t.test('what a node says when several things are true: read-only, then draining, then full', async (t) => {
  const { cluster, store } = await startGated(t, { nodes: 1 })
  const edge = await cluster.client()
  const leader = await cluster.client('controller')
  const node = cluster.node(0)
  const stateOf = async (): Promise<string | undefined> => (await node.node.describe()).state
  store(0).failing.usage = new PeerbinError('store-failed')
  await until('nothing fits', async () => (await stateOf()) === 'full')
  await ask(leader, node, 'setDraining', { term: term(1), draining: true })
  t.equal(await stateOf(), 'draining')
  await ask(leader, node, 'setDraining', { term: term(1), draining: false })
  store(0).failing.put = new PeerbinError('store-failed')
  await t.rejects(putChunk(edge, node, someChunk(10), single), { code: 'store-failed' })
  await ask(leader, node, 'setDraining', { term: term(1), draining: true })
  t.equal(await stateOf(), 'read-only')
})

const requestOf = (draining: boolean) => ({
  from: peerId(1),
  role: 'controller' as const,
  message: { term: term(1), draining } satisfies RequestOf<ChunkMessages, 'setDraining'>,
  body: undefined,
  signal: new AbortController().signal
})

t.test('an order to empty the node that could not be written is refused, and may come again', async (t) => {
  let fails = true
  const inner = memoryCell(false)
  const cell: Cell<boolean> = {
    get: () => inner.get(),
    set: async (value) => {
      if (fails) throw new PeerbinError('local-file')
      await inner.set(value)
    }
  }
  let announced = 0
  const announce = async (): Promise<void> => void announced++
  const fence = new TermFence(memoryCell(term(0)))
  const draining = new Draining({ cell, fence, announce, logger: silentLogger })
  await t.rejects(draining.set(requestOf(true)), { code: 'local-file' })
  draining.checkTakes()
  t.equal(announced, 0)
  fails = false
  await draining.set(requestOf(true))
  t.throws(() => draining.checkTakes(), { code: 'shutting-down' })
  await draining.set(requestOf(true))
  t.equal(announced, 1, 'a change is told once')
})

t.test('a node that was retired takes nothing more, is read-only, and tells what to do', async (t) => {
  const errors: string[] = []
  const logger: Logger = {
    ...silentLogger,
    error: (message) => void errors.push(message),
    child: () => logger
  }
  const cluster = await start(t, { nodes: 2, logger })
  const edge = await cluster.client()
  const [node, other] = [cluster.node(0), cluster.node(1)]
  cluster.recording.retired = [node.peer]
  await until('it hears of it', async () => (await node.node.describe()).state === 'read-only')
  await until('the others have forgotten it', () =>
    [edge, other].every(({ membership }) => membership.get(node.peer) === undefined)
  )
  t.match(errors, [/retired.*new, empty data folder/])
  await t.rejects(putChunk(edge, node, someChunk(10), { ...single, timeoutMs: 2000 }), {
    code: /peer-unreachable|deadline-exceeded/
  })
  await until('some more heartbeats go by', () => (node.membership.get(node.peer)?.sequence ?? 0) > 20)
  t.equal(edge.membership.get(node.peer), undefined, 'no later heartbeat brings it back')
  t.equal(errors.length, 1)
})
