import t from 'tap'
import { Membership } from '../../../src/cluster/membership.ts'
import { parseConfig } from '../../../src/config.ts'
import { NodeWatch } from '../../../src/controller/repair/node-watch.ts'
import { heartbeat } from '../../cluster/members.ts'
import { ManualClock } from '../../kit/manual-clock.ts'

const config = parseConfig({
  heartbeat: { suspectAfterMs: 1000, downAfterMs: 4000 },
  repair: { delayMs: 10_000, drainedDelayMs: 60_000 }
})
const ONE = heartbeat(1).peer

function setUp(): { clock: ManualClock; membership: Membership; watch: NodeWatch; hear: () => void } {
  const clock = new ManualClock()
  const membership = new Membership({ clock, ...config.heartbeat })
  const watch = new NodeWatch({ membership, clock, config })
  let sequence = 0
  const hear = (): void => void membership.observe(heartbeat(1, { sequence: ++sequence }))
  return { clock, membership, watch, hear }
}

/** Looks each second, as the controller does. */
async function pass({ clock, watch }: ReturnType<typeof setUp>, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await clock.advance(1000)
    watch.look()
  }
}

const fateOf = ({ watch }: ReturnType<typeof setUp>): string | undefined => watch.look().nodes.get(ONE)?.fate

t.test(
  'a node that falls silent is waited for, and then gone; when it is heard again it is alive',
  async (t) => {
    const made = setUp()
    made.hear()
    t.equal(fateOf(made), 'alive')
    await pass(made, 3)
    t.equal(fateOf(made), 'alive')
    await pass(made, 3)
    t.equal(fateOf(made), 'waiting')
    await pass(made, 6)
    t.equal(fateOf(made), 'gone')
    made.hear()
    t.equal(fateOf(made), 'alive')
  }
)

t.test('one that is only remembered counts from the start of this process', async (t) => {
  const made = setUp()
  made.membership.remember(heartbeat(1), 0)
  t.equal(fateOf(made), 'alive', 'it may be heard in a moment')
  await pass(made, 9)
  t.equal(fateOf(made), 'waiting')
  await pass(made, 1)
  t.equal(fateOf(made), 'gone')
})

t.test('while this process stands still, others are not silent', async (t) => {
  const made = setUp()
  made.hear()
  await pass(made, 5)
  t.equal(fateOf(made), 'waiting')
  await made.clock.advance(600_000) // suspended, or a machine that slept
  t.equal(fateOf(made), 'waiting')
  await pass(made, 7)
  t.equal(fateOf(made), 'gone')
})

t.test('a node that was being emptied is waited for longer', async (t) => {
  const made = setUp()
  made.hear()
  made.watch.decide(ONE, { peer: ONE, decision: 'draining', decidedAt: 1 })
  t.match(made.watch.look().nodes.get(ONE), { draining: true })
  await pass(made, 50)
  t.equal(fateOf(made), 'waiting')
  await pass(made, 12)
  t.equal(fateOf(made), 'gone')
})

t.test('a retired node is no part of the view, whoever hears it', async (t) => {
  const made = setUp()
  made.hear()
  made.watch.decide(ONE, { peer: ONE, decision: 'retired', decidedAt: 1 })
  made.hear()
  t.equal(fateOf(made), undefined)
  t.same(made.watch.decided('retired'), [ONE])
  t.same(made.watch.decided('draining'), [])
})

t.test('a jump of the wall clock changes nothing', async (t) => {
  const made = setUp()
  made.hear()
  made.clock.jump(3_600_000)
  t.equal(fateOf(made), 'alive')
})
