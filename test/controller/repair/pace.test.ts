import t from 'tap'
import { Pace, restMs } from '../../../src/controller/repair/pace.ts'
import { Rate } from '../../../src/controller/repair/rate.ts'
import { peer } from '../members.ts'

const MIB = 2 ** 20
const config = { copiesPerNode: 2, busyShare: 25, floorBytes: 4 * MIB }
const [a, b, c] = [peer('A'), peer('B'), peer('C')]

t.test(
  'while clients are busy, copying takes its share of the time, and moves the floor at least',
  async (t) => {
    t.equal(restMs({ tookMs: 100, sizeBytes: 4 * MIB }, config), 300)
    t.equal(restMs({ tookMs: 400, sizeBytes: 4 * MIB }, config), 600, '4 MiB a second, not less')
    t.equal(restMs({ tookMs: 2000, sizeBytes: 4 * MIB }, config), 0)
    t.equal(restMs({ tookMs: 400, sizeBytes: 4 * MIB }, { ...config, floorBytes: 0 }), 1200)
    t.equal(restMs({ tookMs: 400, sizeBytes: 4 * MIB }, { ...config, busyShare: 100 }), 0)
  }
)

t.test('a node gives and takes so many copies at once', async (t) => {
  const pace = new Pace(config)
  const ends = [pace.begin(a, b), pace.begin(a, c)]
  t.notOk(pace.canGive(a, 0, false))
  t.notOk(pace.canGive(a, 0, true), 'however urgent')
  t.ok(pace.canTake(a, 0, false))
  t.ok(pace.canTake(b, 0, false))
  t.equal(pace.giving(a), 2)
  ends[0]?.()
  t.ok(pace.canGive(a, 0, false))
})

t.test('nodes rest after a copy when their clients are busy, but not for a last copy', async (t) => {
  const pace = new Pace(config)
  const copy = { tookMs: 100, sizeBytes: 4 * MIB }
  pace.made({ ...copy, from: a, to: b, busy: 0 }, 1000)
  t.ok(pace.canGive(a, 1000, false))
  pace.made({ ...copy, from: a, to: b, busy: 3 }, 1000)
  t.notOk(pace.canGive(a, 1299, false))
  t.ok(pace.canGive(a, 1299, true))
  t.ok(pace.canGive(a, 1300, false))
  t.ok(pace.canTake(b, 1000, false), 'nobody knows of clients at the other')
  t.equal(pace.nextRestEndsMs(1000), 1300)
  t.equal(pace.nextRestEndsMs(1300), Infinity)
  pace.made({ ...copy, from: c, to: a, busy: 0 }, 2000)
  t.notOk(pace.canTake(a, 2100, false), 'a target that said so lately rests too')
  pace.made({ ...copy, from: c, to: a, busy: 0 }, 20_000)
  t.ok(pace.canTake(a, 20_000, false), 'but not for what it said long ago')
})

t.test('the rate is right from the first copy on, and fades when nothing moves', async (t) => {
  const rate = new Rate()
  t.equal(rate.bytesPerSecond(0), 0)
  rate.add(1000, 5000, 1000)
  t.ok(Math.abs(rate.bytesPerSecond(5000) - 1000) < 30)
  for (let at = 6000; at <= 60_000; at += 1000) rate.add(2000, at, 1000)
  const steady = rate.bytesPerSecond(60_000)
  t.ok(steady > 1800 && steady < 2100, `${steady}`)
  t.ok(rate.bytesPerSecond(120_000) < steady / 4)
  rate.add(5000, 1_000_000, 1000)
  t.ok(Math.abs(rate.bytesPerSecond(1_000_000) - 5000) < 100, 'after a long rest it begins anew')
})
