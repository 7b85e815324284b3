import t from 'tap'
import type { Test } from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import type { ChunkInfo } from '../../src/types.ts'
import { DAY, HOUR, ScrubWorld } from './scrub-world.ts'

const DAYS = 30
/** Chunks at the start, and how many come every six hours. */
const FIRST = 60
const MORE = 1

/** True time at which each chunk came. */
type Arrivals = Map<ChunkInfo, number>

async function arrive(world: ScrubWorld, arrivals: Arrivals, count: number): Promise<void> {
  for (const info of await world.add(count)) arrivals.set(info, world.clock.monotonic())
}

/** Every chunk was read within a day of its coming, and again within 14 days of each reading; `slackMs` for a clock that was set. */
function checkReads(t: Test, world: ScrubWorld, arrivals: Arrivals, slackMs = 0): void {
  const now = world.clock.monotonic()
  const late: string[] = []
  let most = 0
  for (const [{ id }, cameAt] of arrivals) {
    const reads = world.readsOf(id)
    const firstBy = cameAt + DAY + slackMs
    if (now > firstBy && !(reads[0] !== undefined && reads[0] <= firstBy)) late.push(`${id} as a new one`)
    const times = [cameAt, ...reads, now]
    const longest = Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? 0)))
    if (longest > world.config.intervalMs + slackMs) late.push(`${id} after ${longest / DAY} days`)
    most = Math.max(most, reads.length)
  }
  t.same(late, [], `${arrivals.size} chunks`)
  t.ok(most <= 5, `none was read more often than need be: ${most} times in ${DAYS} days`)
}

/** Thirty days, six hours at a time. @returns when each chunk came */
async function month(world: ScrubWorld, each: (quarter: number) => void = () => {}): Promise<Arrivals> {
  const arrivals: Arrivals = new Map()
  await world.start()
  await arrive(world, arrivals, FIRST)
  for (let quarter = 0; quarter < DAYS * 4; quarter++) {
    await world.clock.advance(6 * HOUR)
    await arrive(world, arrivals, MORE)
    each(quarter)
  }
  return arrivals
}

t.test(
  'over 30 days every chunk is read within a day, and then within 14 days again',
  { timeout: 120_000 },
  async (t) => {
    const world = new ScrubWorld(t)
    let overdue = 0
    const arrivals = await month(world, () => (overdue += world.isOverdue ? 1 : 0))
    checkReads(t, world, arrivals)
    t.equal(overdue, 0, 'and no alarm comes')
    t.ok(world.scrubber.scrubbedAt() > world.clock.now() - 14 * DAY)
    t.match(world.scrubber.report(), { running: false, rotten: 0 })
    t.ok(world.scrubber.report().endedAt > 0, 'reading what is due adds up to a full pass')
  }
)

t.test('also when clients are always busy, and all of it takes more than a day at their pace', async (t) => {
  // as 1.4 TB at the default of 8 MiB/s: 180 chunks of 1000 bytes take 2.1 days
  const world = new ScrubWorld(t, { bytesPerSecond: 1, roundMs: HOUR })
  world.clientsBusy = 1
  checkReads(t, world, await month(world))
})

t.test('a chunk that was just read is not due again, however short the interval', async (t) => {
  const MINUTE = HOUR / 60
  const world = new ScrubWorld(t, { intervalMs: 20 * MINUTE, newAfterMs: 5 * MINUTE, roundMs: MINUTE })
  await world.start()
  const chunks = await world.add(5)
  await world.clock.advance(2 * HOUR)
  // due after three quarters of the interval
  for (const { id } of chunks) t.ok(world.readsOf(id).length <= 9, `${world.readsOf(id).length} times`)
  for (const { id } of chunks) t.ok(world.readsOf(id).length >= 6, `${world.readsOf(id).length} times`)
})

t.test('also when the wall clock is set by an hour again and again', async (t) => {
  const world = new ScrubWorld(t, { roundMs: HOUR })
  const arrivals = await month(world, (quarter) => world.clock.jump(quarter % 2 === 0 ? HOUR : -HOUR))
  checkReads(t, world, arrivals, 2 * HOUR)
})

t.test('a wall clock that is years wrong for a day neither stops the scrub nor makes it race', async (t) => {
  const world = new ScrubWorld(t, { bytesPerSecond: 1, idleFactor: 1 })
  await world.start()
  const old = await world.add(50)
  await world.clock.advance(2 * DAY)
  const before = world.readCount
  world.clock.jump(3650 * DAY)
  const wrong = await world.add(50)
  await world.clock.advance(1000 * 1000)
  t.ok(world.readCount - before <= 1000 + 1, 'everything is due, and read at the pace that is set')
  await world.clock.advance(DAY)
  world.clock.jump(-3650 * DAY)
  for (const { id } of [...old, ...wrong]) world.reads.delete(id)
  await world.clock.advance(12 * DAY)
  for (const { id } of [...old, ...wrong]) {
    t.ok(world.readsOf(id).length >= 1, 'a record from the future does not hide a chunk')
    t.ok(world.readsOf(id).length <= 3)
  }
  t.notOk(world.isOverdue)
})

t.test('a scrub that is hindered is seen by the age it gives', async (t) => {
  const world = new ScrubWorld(t, { intervalMs: 2 * DAY, newAfterMs: 3 * HOUR })
  await world.start()
  await world.add(20)
  await world.clock.advance(4 * HOUR)
  t.notOk(world.isOverdue)
  const stuck = (await world.store.list({ limit: 1 }))[0]
  world.store.before = (operation, id) => {
    if (operation === 'get' && id === stuck?.id) throw new PeerbinError('store-failed')
  }
  await world.clock.advance(46 * HOUR)
  t.notOk(world.isOverdue)
  await world.clock.advance(2 * HOUR)
  t.ok(world.isOverdue, 'by one chunk that cannot be read')
  world.store.heal()
  await world.clock.advance(HOUR)
  t.notOk(world.isOverdue)
  world.store.before = (operation) => {
    if (operation === 'list') throw new PeerbinError('store-failed')
  }
  await world.clock.advance(2 * DAY)
  t.ok(world.isOverdue, 'by records that cannot be read')
})

t.test('a chunk that cannot be read does not keep others from being read', async (t) => {
  const world = new ScrubWorld(t)
  await world.start()
  const infos = await world.add(10)
  const [first] = await world.store.list({ limit: 1 })
  world.store.before = (operation, id) => {
    if (operation === 'get' && id === first?.id) throw new PeerbinError('store-failed')
  }
  await world.clock.advance(DAY)
  for (const { id } of infos) if (id !== first?.id) t.equal(world.readsOf(id).length, 1)
})
