import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { scrubStateSchema } from '../../src/node/scrubber.ts'
import { settle } from '../kit/manual-clock.ts'
import { DAY, HOUR, ScrubWorld } from './scrub-world.ts'

t.test('a pass that is asked for reads everything at once, tells how far it is, and ends', async (t) => {
  const world = new ScrubWorld(t, { bytesPerSecond: 250, idleFactor: 4 }) // one chunk a second
  await world.start()
  await world.add(100)
  await world.clock.advance(60 * 1000)
  t.match(world.scrubber.report(), { running: false, startedAt: 0, endedAt: 0, checkedChunks: 0 })
  const startedAt = world.clock.now()
  world.scrubNow()
  await world.clock.advance(40 * 1000)
  const half = world.scrubber.report()
  t.match(half, { running: true, startedAt, endedAt: 0, totalChunks: 100, rotten: 0 })
  t.ok(half.checkedChunks >= 39 && half.checkedChunks <= 42, `${half.checkedChunks} chunks in 40 s`)
  t.equal(half.checkedBytes, half.checkedChunks * 1000)
  world.scrubNow()
  t.match(world.scrubber.report(), { startedAt }, 'asking again changes nothing')
  await world.add(5)
  await world.clock.advance(61 * 1000)
  t.match(world.scrubber.report(), { running: false, startedAt, totalChunks: 100, checkedChunks: 100 })
  t.ok(world.scrubber.report().endedAt >= startedAt + 99_000)
  t.equal(world.readCount, 100, 'what came meanwhile is not part of it')
  t.match(world.state.get(), { startedAt, endedAt: world.scrubber.report().endedAt })
})

t.test('rot is told, counted, not held any more, and gone from the disk after its time', async (t) => {
  const world = new ScrubWorld(t)
  await world.start()
  const infos = await world.add(30)
  const rotten = infos.slice(0, 7).map(({ id }) => id)
  for (const id of rotten) world.memory.rot(id)
  world.scrubNow()
  await world.clock.advance(60 * 1000)
  t.same(world.rotten.toSorted(), rotten.toSorted())
  t.match(world.scrubber.report(), { running: false, checkedChunks: 30, rotten: 7 })
  t.match(await world.store.usage(), { chunks: 23, quarantined: 7 })
  await world.clock.advance(6 * DAY)
  t.match(await world.store.usage(), { quarantined: 7 })
  await world.clock.advance(DAY + HOUR)
  t.match(await world.store.usage(), { chunks: 23, quarantined: 0 })
  t.equal(world.rotten.length, 7, 'each is told once')
})

t.test('rot that is found because a chunk was due is told as well', async (t) => {
  const world = new ScrubWorld(t)
  await world.start()
  const [info] = await world.add(1)
  if (info === undefined) throw new Error('there is one')
  world.memory.rot(info.id)
  await world.clock.advance(13 * HOUR)
  t.same(world.rotten, [info.id])
})

t.test('a pass goes on after a restart, and does not read twice what it has read', async (t) => {
  const world = new ScrubWorld(t, { bytesPerSecond: 250, idleFactor: 4 })
  await world.start()
  await world.add(100)
  await world.clock.advance(13 * HOUR) // read as new ones, longer than VERIFIED_STEP_MS ago when the pass begins
  await world.clock.advance(2 * HOUR)
  world.reads.clear()
  world.scrubNow()
  const { startedAt } = world.scrubber.report()
  await world.clock.advance(50 * 1000)
  const before = world.readCount
  t.ok(before >= 48 && before <= 52, String(before))
  await world.restart()
  t.match(world.scrubber.report(), { running: true, startedAt })
  await world.clock.advance(60 * 1000)
  t.match(world.scrubber.report(), { running: false, startedAt, checkedChunks: 100, totalChunks: 100 })
  t.ok(world.readCount <= 101, `${world.readCount} reads of 100 chunks`)
  await world.restart()
  t.match(world.scrubber.report(), { running: false, startedAt })
  t.same(scrubStateSchema.parse(world.state.get()), world.state.get(), 'the file takes it')
  t.ok(world.scrubber.scrubbedAt() >= startedAt - HOUR, 'and how old the oldest is, is known at once')
})

t.test('reads at the pace that is set, slower while clients are busy, one chunk at a time', async (t) => {
  const world = new ScrubWorld(t, { bytesPerSecond: 100_000, idleFactor: 5 })
  await world.start()
  await world.add(500, 10_000) // ten a second while clients are busy, fifty while not
  let reading = 0
  let most = 0
  world.store.before = (operation) => {
    if (operation === 'get') most = Math.max(most, ++reading)
  }
  const count = world.store.after
  world.store.after = async (operation, id) => {
    if (operation === 'get') reading--
    await count(operation, id)
  }
  world.clientsBusy = 3
  world.scrubNow()
  await world.clock.advance(10_000)
  t.ok(world.readCount >= 98 && world.readCount <= 103, `${world.readCount} in 10 s while clients are busy`)
  const before = world.readCount
  world.clientsBusy = 0
  await world.clock.advance(5000)
  const idle = world.readCount - before
  t.ok(idle >= 240 && idle <= 255, `${idle} in 5 s while they are not`)
  t.equal(most, 1)
})

t.test('what is late is read as fast as while no client is there, and no faster', async (t) => {
  const world = new ScrubWorld(t, { bytesPerSecond: 100, idleFactor: 5 })
  world.clientsBusy = 1
  await world.start()
  await world.add(2000, 10_000)
  await world.stop()
  await world.clock.advance(40 * DAY)
  await world.restart()
  await world.clock.advance(10_000 * 1000)
  t.ok(world.readCount >= 490 && world.readCount <= 502, `${world.readCount} chunks of 20 s each`)
})

t.test('stops at once in the middle of a read, and waits for a store that is busy', async (t) => {
  const world = new ScrubWorld(t)
  await world.start()
  await world.add(3)
  let refusals = 3
  world.store.before = async (operation) => {
    if (operation === 'get' && refusals-- > 0) throw new PeerbinError('busy')
  }
  world.scrubNow()
  await world.clock.advance(10_000)
  t.match(world.scrubber.report(), { running: false, checkedChunks: 3 })
  t.equal(refusals, -3)
  const gate = Promise.withResolvers<void>()
  const scrubber = world.scrubber
  world.store.before = (operation) => (operation === 'get' ? gate.promise : undefined)
  await world.stop()
  await world.store.open()
  scrubber.start()
  const stopping = new AbortController()
  const { signal } = stopping
  await scrubber.step(signal) // looks
  const step = scrubber.step(signal)
  await settle()
  stopping.abort()
  gate.resolve()
  await t.rejects(step, { code: 'aborted' })
  await t.rejects(scrubber.step(signal), { code: 'aborted' })
})

t.test('a pass reads everything, also when the wall clock was set back since the chunks came', async (t) => {
  const world = new ScrubWorld(t)
  await world.start()
  await world.clock.advance(HOUR)
  await world.add(5)
  world.clock.jump(-HOUR)
  world.scrubNow()
  await world.clock.advance(HOUR / 2)
  t.match(world.scrubber.report(), { running: false, checkedChunks: 5, totalChunks: 5 })
  t.equal(world.readCount, 5)
})
