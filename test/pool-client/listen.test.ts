import t from 'tap'
import { listen, PoolClient, readResult } from '../../src/pool-client/index.ts'
import type { ListenPlace } from '../../src/pool-client/index.ts'
import { startPool } from '../edge/pools/pools-kit.ts'
import { until } from '../kit/until.ts'

const world = await startPool(t, { settings: { frequency_s: 3600 } })
const now = Date.now()
const client = new PoolClient({ server: world.url, token: world.listener, pool: world.pool })
let count = 0

/** A group whose result is the number of it. */
async function finish(): Promise<void> {
  count++
  await world.closedGroup([{ name: `f${count}`, bytes: Buffer.from('x'), at: now }])
  const { group, fence } = await world.lease()
  await world.raw('PUT', `groups/${group}/result?fence=${fence}&name=n`, String(count), world.server)
}

/** Listens until it has heard `wanted` results, or all that are there. */
async function hear(
  place: ListenPlace,
  wanted: number,
  options: { once?: boolean; failAt?: number } = {}
): Promise<{ heard: number[]; place: ListenPlace }> {
  const heard: number[] = []
  let kept = place
  const stop = new AbortController()
  await listen(
    client,
    async (group, signal) => {
      if (heard.length === options.failAt) throw new Error('the listener is killed here')
      heard.push(Number(Buffer.from(await readResult(client, group, signal)).toString()))
      if (heard.length === wanted) stop.abort()
    },
    { signal: stop.signal, from: place, keep: (next) => void (kept = next), once: options.once }
  ).catch((error: unknown) => {
    if (options.failAt === undefined) throw error
  })
  // what was dealt with is kept, also when it is the last before the end
  return { heard, place: JSON.parse(JSON.stringify(kept)) as ListenPlace }
}

let place: ListenPlace = {}

t.test('results that were made before anybody listened come in order', async (t) => {
  await finish()
  await finish()
  const all = await hear({}, 99, { once: true })
  t.strictSame(all.heard, [1, 2])
  place = all.place
  t.strictSame((await hear(place, 99, { once: true })).heard, [], 'and no second time')
})

t.test(
  'what was made while a listener was away comes when it is back, and then what is made meanwhile',
  async (t) => {
    await finish()
    await finish()
    const back = hear(place, 3)
    await finish()
    const { heard, place: next } = await back
    t.strictSame(heard, [3, 4, 5])
    place = next
  }
)

t.test('a listener that fails in the middle goes on with the result that it failed with', async (t) => {
  await finish()
  await finish()
  const failed = await hear(place, 99, { failAt: 1 })
  t.strictSame(failed.heard, [6])
  const { heard, place: next } = await hear(failed.place, 99, { once: true })
  t.strictSame(heard, [7])
  place = next
})

t.test(
  'whoever comes back with a cursor that is too old misses nothing, and gets nothing twice',
  async (t) => {
    await finish()
    await finish()
    const { heard } = await hear({ ...place, cursor: '0000000000.1' }, 99, { once: true })
    t.strictSame(heard, [8, 9])
  }
)

t.test('events come from a cursor on', async (t) => {
  const stop = new AbortController()
  const types: string[] = []
  const running = (async () => {
    for await (const event of client.watch({ after: 'start', signal: stop.signal })) types.push(event.type)
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  await until('all results were told', () => types.filter((type) => type === 'group.done').length === count)
  await finish()
  await until('the next one is told', () => types.filter((type) => type === 'group.done').length === count)
  stop.abort()
  await running
  t.notOk(types.includes('batch.committed'), 'a listener is not told what others have sent')
})
