import { mkdirSync } from 'node:fs'
import { rm, writeFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { hasCode, PoolClient, SendQueue } from '../../src/pool-client/index.ts'
import type { SendEvent } from '../../src/pool-client/index.ts'
import { startPool } from '../edge/pools/pools-kit.ts'
import type { PoolWorld } from '../edge/pools/pools-kit.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const bases = new WeakMap<Test, string>()
let folders = 0
/** One of several of a test. */
function newFolder(t: Test): string {
  const base = bases.get(t) ?? testFolder(t)
  bases.set(t, base)
  const folder = join(base, String(folders++))
  mkdirSync(folder)
  return folder
}

interface Sending {
  queue: SendQueue
  client: PoolClient
  events: SendEvent[]
  send: () => Promise<void>
  ofType: <T extends SendEvent['type']>(type: T) => Array<Extract<SendEvent, { type: T }>>
}

function sending(t: Test, world: PoolWorld, options: { token?: string; server?: string[] } = {}): Sending {
  const queue = new SendQueue({ folder: newFolder(t) })
  t.teardown(() => queue.close())
  const client = new PoolClient({
    server: options.server ?? world.url,
    token: options.token ?? world.producer,
    pool: world.pool
  })
  const events: SendEvent[] = []
  return {
    queue,
    client,
    events,
    send: async () =>
      await queue.send(client, { limitMs: 20_000, onEvent: (event) => void events.push(event) }),
    ofType: (type) => events.filter((event): event is never => event.type === type)
  }
}

const refusedBy = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'it went well'
  } catch (error) {
    return hasCode(error) ? error.code : String(error)
  }
}

const world = await startPool(t, { settings: { frequency_s: 3600, tolerance_s: 60, max_age_s: 30 * 86_400 } })
const now = Date.now()

t.test('what waits is sent as one batch, and leaves nothing behind', async (t) => {
  const { queue, send, ofType } = sending(t, world)
  const folder = newFolder(t)
  const path = join(folder, 'measured.csv')
  await writeFile(path, 'x,y\n1,2\n')
  await queue.addFile(path, { metadata: { sensor: '17' }, mediaType: 'text/csv' })
  await queue.add(Buffer.from('more'), { name: 'more.txt', timestamp: now - 3 * DAY })
  t.match(queue.summary(), { files: 2, bytes: 12, refused: 0, sent: 0 })
  await send()
  t.match(queue.summary(), { files: 0, bytes: 0, refused: 0, sent: 2 })
  t.match(ofType('sent'), [{ files: 2, duplicates: 0 }])
})

t.test('the same file waits once, and another one of its name and timestamp is not taken', async (t) => {
  const { queue, send, ofType } = sending(t, world)
  const about = { name: 'same.txt', timestamp: now - 1000 }
  t.match(await queue.add(Buffer.from('one'), about), { state: 'queued' })
  t.match(await queue.add(Buffer.from('one'), about), { state: 'known' })
  t.equal(await refusedBy(queue.add(Buffer.from('two'), about)), 'file-conflict')
  t.equal(queue.summary().files, 1)
  await send()
  await queue.add(Buffer.from('one'), about)
  await send()
  t.match(ofType('sent'), [{ duplicates: 0 }, { duplicates: 1 }], 'the pool knows it, too')
})

t.test('of files that belong together all are taken, or none', async (t) => {
  const { queue } = sending(t, world)
  const together = queue.addTogether([
    { name: 'good', bytes: Buffer.from('x') },
    { name: 'empty', bytes: Buffer.alloc(0) }
  ])
  t.equal(await refusedBy(together), 'empty-file')
  t.equal(queue.summary().files, 0)
  const failed: number[] = []
  await queue.addTogether(
    [
      { name: 'good', bytes: Buffer.from('x') },
      { name: 'empty', bytes: Buffer.alloc(0) },
      { path: '/there/is/nothing' }
    ],
    (position) => void failed.push(position)
  )
  t.strictSame(
    failed.toSorted((a, b) => a - b),
    [1, 2]
  )
  t.equal(queue.summary().files, 1)
})

t.test('what the pool refuses is set aside, and does not hold the others', async (t) => {
  const { queue, send, ofType } = sending(t, world)
  await queue.add(Buffer.from('first'), { name: 'taken', timestamp: now - 5000 })
  await send()
  const others = sending(t, world)
  await others.queue.add(Buffer.from('other'), { name: 'taken', timestamp: now - 5000 })
  for (const days of [31, 40, 50])
    await others.queue.add(Buffer.from('old'), { name: `old-${days}`, timestamp: now - days * DAY })
  await others.queue.add(Buffer.from('ahead'), { name: 'far ahead', timestamp: now + 10 * DAY })
  await others.queue.add(Buffer.from('soon'), { name: 'soon', timestamp: now + HOUR })
  for (let i = 0; i < 5; i++)
    await others.queue.add(Buffer.from(`good ${i}`), { name: `good-${i}`, timestamp: now - i * 1000 })
  await others.send()
  t.match(others.queue.summary(), { files: 1, refused: 5, sent: 5 })
  t.same(
    others.queue.list().flatMap(({ name, refused }) => (refused === null ? [] : [[name, refused.code]])),
    [
      ['old-50', 'timestamp-too-old'],
      ['old-40', 'timestamp-too-old'],
      ['old-31', 'timestamp-too-old'],
      ['taken', 'file-conflict'],
      ['far ahead', 'timestamp-in-future']
    ]
  )
  t.match(others.ofType('held'), [{ name: 'soon' }], 'what is only early waits for its time')
  t.equal(others.queue.retry(), 5)
  await others.send()
  t.match(others.queue.summary(), { files: 1, refused: 5 }, 'trying again does not help')
  t.equal(await others.queue.drop(), 5)
  t.match(others.queue.summary(), { files: 1, refused: 0 })
  t.equal(ofType('refused').length, 0)
})

t.test('a file that is spoilt in the queue is set aside', async (t) => {
  const queueFolder = newFolder(t)
  const { client } = sending(t, world)
  const queue = new SendQueue({ folder: queueFolder })
  t.teardown(() => queue.close())
  await queue.add(Buffer.from('spoilt'), { name: 'spoilt', timestamp: now - 100 })
  const [copy = ''] = await readdir(join(queueFolder, 'files'))
  await writeFile(join(queueFolder, 'files', copy), 'SPOILT')
  await queue.add(Buffer.from('gone'), { name: 'gone', timestamp: now - 50 })
  const names = await readdir(join(queueFolder, 'files'))
  await rm(join(queueFolder, 'files', names.find((name) => name !== copy) ?? ''))
  await queue.add(Buffer.from('whole'), { name: 'whole', timestamp: now - 10 })
  await queue.send(client, { limitMs: 30_000 })
  t.match(queue.summary(), { files: 0, refused: 2, sent: 1 })
  t.match(queue.list(), [{ refused: { code: 'checksum-mismatch' } }, { refused: { code: 'local-file' } }])
})

t.test('while nobody can be reached everything is kept; another edge is asked', async (t) => {
  const nobody = 'http://127.0.0.1:9'
  const { queue, client } = sending(t, world, { server: [nobody] })
  await queue.add(Buffer.from('kept'), { name: 'kept', timestamp: now - 20 })
  t.equal(await refusedBy(queue.send(client, { limitMs: 500 })), 'server-unreachable')
  t.match(queue.summary(), { files: 1, sent: 0 })
  const both = new PoolClient({ server: [nobody, world.url], token: world.producer, pool: world.pool })
  await queue.send(both, { limitMs: 20_000 })
  t.match(queue.summary(), { files: 0, sent: 1 })
})

t.test(
  'a machine behind the server that fails, and a batch that was taken back meanwhile, are asked again',
  async (t) => {
    for (const [method, code, status] of [
      ['PUT', 'chunk-corrupt', 500],
      ['PUT', 'store-failed', 500],
      ['POST', 'batch-closed', 409]
    ] as const) {
      let failed = false
      const failing: typeof fetch = async (url, init) => {
        if (failed || init?.method !== method) return await fetch(url, init)
        failed = true
        return Response.json({ code }, { status })
      }
      const { queue } = sending(t, world)
      const client = new PoolClient({
        server: world.url,
        token: world.producer,
        pool: world.pool,
        fetch: failing
      })
      await queue.add(Buffer.from(code), { name: code, timestamp: now - 40 })
      await queue.send(client, { limitMs: 20_000 })
      t.ok(failed)
      t.match(queue.summary(), { files: 0, refused: 0, sent: 1 }, code)
    }
  }
)

t.test('one sender at a time; the other stands by, and takes over', async (t) => {
  const folder = newFolder(t)
  const one = new SendQueue({ folder })
  const other = new SendQueue({ folder })
  t.teardown(() => {
    one.close()
    other.close()
  })
  const { client } = sending(t, world)
  const first = new AbortController()
  const second = new AbortController()
  const running = one.run(client, { signal: first.signal })
  await until('the first one sends', async () => (await refusedBy(other.send(client))) === 'data-in-use')
  const standing = other.run(client, { signal: second.signal })
  await other.add(Buffer.from('x'), { name: 'by the first', timestamp: now - 30 })
  await until('it was sent', () => other.summary().sent === 1)
  first.abort()
  await running
  await one.add(Buffer.from('x'), { name: 'by the second', timestamp: now - 31 })
  await until('it was sent', () => other.summary().sent === 2)
  second.abort()
  await standing
  t.pass('by one after the other')
})

t.test('whoever may not send keeps what they have', async (t) => {
  const { queue, send } = sending(t, world, { token: world.listener })
  await queue.add(Buffer.from('x'), { name: 'x' })
  t.equal(await refusedBy(send()), 'permission-denied')
  t.match(queue.summary(), { files: 1, refused: 0 })
})

t.test('a clock that is wrong is told by how much', async (t) => {
  const { queue } = sending(t, world)
  const { systemClock } = await import('../../src/runtime/clock.ts')
  const clock = { ...systemClock, now: () => systemClock.now() + 3 * HOUR }
  const client = new PoolClient({ server: world.url, token: world.producer, pool: world.pool, clock })
  await queue.add(Buffer.from('x'), { name: 'y' })
  try {
    await queue.send(client)
    t.fail('it went well')
  } catch (error) {
    t.ok(hasCode(error, 'clock-skewed'))
    t.match(String(error), /108\d\d s ahead of the server/)
  }
  t.equal(queue.summary().files, 1)
})

t.test('a queue has bounds', async (t) => {
  const queue = new SendQueue({ folder: newFolder(t), limits: { filesMax: 2, bytesMax: 10 } })
  t.teardown(() => queue.close())
  await queue.add(Buffer.from('12345678'), { name: 'a' })
  t.equal(await refusedBy(queue.add(Buffer.from('123'), { name: 'b' })), 'local-full')
  await queue.add(Buffer.from('1'), { name: 'b' })
  t.equal(await refusedBy(queue.add(Buffer.from('2'), { name: 'c' })), 'local-full')
  t.match(queue.summary(), { files: 2, bytes: 9 })
})

t.test('batches are as large as they may be', async (t) => {
  const { queue, client, events } = sending(t, world)
  for (let i = 0; i < 7; i++)
    await queue.add(Buffer.from('12345'), { name: `part-${i}`, timestamp: now - 60_000 - i })
  await queue.send(client, {
    limits: { filesMax: 3, bytesMax: 12 },
    onEvent: (event) => void events.push(event)
  })
  const sizes = events.flatMap((event) => (event.type === 'sent' ? [event.files] : []))
  t.strictSame(sizes, [2, 2, 2, 1])
})
