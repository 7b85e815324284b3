import t from 'tap'
import { ChunkFetcher } from '../../src/client/chunk-fetcher.ts'
import { ChunkMemory } from '../../src/client/chunk-memory.ts'
import { ControllerClient } from '../../src/client/controller-client.ts'
import { defaultConfig } from '../../src/config.ts'
import { PeerbinError } from '../../src/errors.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import type { ChunkMessages } from '../../src/protocol/messages.ts'
import type { RpcCaller } from '../../src/protocol/rpc.ts'
import { Budget } from '../../src/runtime/budget.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { FileId, Generation, PeerId } from '../../src/types.ts'
import { heartbeat, membershipOf, peerId } from '../cluster/members.ts'
import { ManualClock, settle } from '../kit/manual-clock.ts'
import { seededRandom } from '../kit/seeded-random.ts'

const BYTES = Buffer.from('what is in the chunk')

interface Asked {
  peer: PeerId
  answer: (bytes: Uint8Array) => void
  fail: (error: Error) => void
}

/** Nodes that answer when the test says so: no network could make two answers come in one and the same moment. */
function setUp(options: { members?: number; memoryBytes?: number } = {}) {
  const clock = new ManualClock()
  const membership = membershipOf(clock)
  for (let index = 0; index < (options.members ?? 2); index++) membership.observe(heartbeat(index))
  const asked: Asked[] = []
  const rpc = {
    call: async (peer, _op, _message, { allocate, signal }) =>
      await new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new PeerbinError('aborted')), { once: true })
        const answer = (bytes: Uint8Array): void => {
          const body = allocate?.(bytes.length) ?? new Uint8Array(0)
          body.set(bytes)
          // the schema's types are checked by the caller for real networks only
          resolve({ message: { generation: 1, chunkBytes: bytes.length }, body } as never)
        }
        asked.push({ peer, answer, fail: reject })
      }),
    close: () => {}
  } satisfies RpcCaller<ChunkMessages>
  const config = defaultConfig()
  const budget = new Budget(options.memoryBytes ?? 1000, 10)
  const memory = new ChunkMemory({ budget, clock, waitMs: 1000 })
  const controller = new ControllerClient({
    rpc: { call: async () => await Promise.reject(new PeerbinError('no-controller')), close: () => {} },
    membership,
    clock,
    random: seededRandom(1),
    config: config.controller
  })
  const fetcher = new ChunkFetcher({
    rpc,
    controller,
    membership,
    memory,
    clock,
    config: config.replication,
    logger: silentLogger
  })
  const stop = new AbortController()
  const fetch = async (copies: number[]) => {
    const buffer = memory.tryLease(BYTES.length)
    if (buffer === undefined) throw new Error('no memory')
    return await fetcher.fetch({
      file: '' as FileId,
      placed: {
        index: 0,
        id: chunkIdOf(BYTES),
        sizeBytes: BYTES.length,
        generation: 1 as Generation,
        copies: copies.map((index) => ({
          peer: peerId(index),
          host: '',
          generation: 1 as Generation,
          boot: 1
        }))
      },
      buffer,
      signal: stop.signal
    })
  }
  return { clock, budget, asked, fetch, stop, membership, slowMs: config.replication.slowReadMs }
}

t.test('of two answers in one moment one is used, and the memory of the other is given back', async (t) => {
  for (const order of [
    [0, 1],
    [1, 0]
  ]) {
    const { clock, budget, asked, fetch, slowMs } = setUp()
    const fetching = fetch([0, 1])
    await clock.advance(slowMs)
    t.equal(asked.length, 2)
    t.equal(budget.used, 2 * BYTES.length)
    for (const index of order) asked[index]?.answer(BYTES)
    const buffer = await fetching
    await settle()
    t.equal(budget.used, BYTES.length)
    t.ok(BYTES.equals(buffer.bytes))
    buffer.release()
    t.equal(budget.used, 0)
    t.equal(clock.timers, 0)
  }
})

t.test('without memory for a second answer nobody else is asked until the first fails', async (t) => {
  const { clock, budget, asked, fetch, slowMs } = setUp({ memoryBytes: BYTES.length })
  const fetching = fetch([0, 1])
  await clock.advance(3 * slowMs)
  t.equal(asked.length, 1)
  asked[0]?.fail(new PeerbinError('deadline-exceeded'))
  await settle()
  t.equal(asked.length, 2)
  asked[1]?.answer(BYTES)
  ;(await fetching).release()
  t.equal(budget.used, 0)
})

t.test('at most two nodes are asked at once, however slow they are', async (t) => {
  const { clock, asked, fetch, slowMs, stop, budget } = setUp({ members: 5 })
  const fetching = fetch([0, 1, 2, 3, 4])
  await clock.advance(10 * slowMs)
  t.equal(asked.length, 2)
  stop.abort()
  await t.rejects(fetching, { code: 'aborted' })
  await settle()
  t.equal(budget.used, 0)
  t.equal(clock.timers, 0)
})

t.test('nodes that live are asked before those that are suspect, and those before the dead', async (t) => {
  const { clock, asked, fetch, membership } = setUp({ members: 1 })
  await clock.advance(27_000)
  membership.observe(heartbeat(1))
  await clock.advance(6000)
  membership.observe(heartbeat(2))
  const fetching = fetch([9, 0, 1, 2])
  for (let index = 0; index < 3; index++) {
    asked[index]?.fail(new PeerbinError('peer-unreachable'))
    await settle()
  }
  t.same(
    asked.slice(0, 2).map(({ peer }) => peer),
    [peerId(2), peerId(1)]
  )
  asked[3]?.answer(BYTES)
  ;(await fetching).release()
})

t.test('among equals the one that is least busy is asked, and all of them in turn', async (t) => {
  const { asked, fetch } = setUp({ members: 3, memoryBytes: 100_000 })
  const fetching = Array.from({ length: 9 }, async () => await fetch([0, 1, 2]))
  await settle()
  for (const index of [0, 1, 2]) t.equal(asked.filter(({ peer }) => peer === peerId(index)).length, 3)
  for (const { answer } of asked) answer(BYTES)
  for (const buffer of await Promise.all(fetching)) buffer.release()
})
