import t from 'tap'
import { hasCode } from '../../src/errors.ts'
import { Failpoints, armFailpoints, failpoints, parseFailpoints } from '../../src/runtime/failpoints.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { seededRandom } from '../kit/seeded-random.ts'

const NAME = 'chunk.put.beforeReceipt'

function make() {
  const clock = new ManualClock()
  let kills = 0
  const points = new Failpoints({ clock, random: seededRandom(1), kill: () => kills++ })
  return { points, clock, kills: () => kills }
}

/** How many of so many hits throw. */
async function thrown(points: Failpoints, hits: number, scope?: string): Promise<number[]> {
  const found: number[] = []
  for (let hit = 1; hit <= hits; hit++)
    await points.hit(NAME, scope).catch((error: unknown) => {
      if (hasCode(error, 'store-failed')) found.push(hit)
      else throw error
    })
  return found
}

t.test('nothing happens while nothing is armed, and again once it is taken back', async (t) => {
  const { points } = make()
  t.equal(points.armed, false)
  t.same(await thrown(points, 3), [])
  const disarm = points.arm(NAME, { kind: 'throw', code: 'store-failed' })
  t.equal(points.armed, true)
  t.same(await thrown(points, 2), [1, 2])
  await points.hit('link.claim.afterCommit')
  disarm()
  disarm()
  t.equal(points.armed, false)
  t.same(await thrown(points, 2), [])
})

t.test('a point acts at its nth hit only, in its scope only', async (t) => {
  const { points } = make()
  points.arm(NAME, { kind: 'throw', code: 'store-failed' }, { nth: 2, scope: 'b' })
  t.same(await thrown(points, 3, 'a'), [], 'another member')
  t.same(await thrown(points, 3), [], 'a hit that does not say whose it is')
  t.same(await thrown(points, 4, 'b'), [2])
})

t.test('a point acts by chance', async (t) => {
  const { points } = make()
  points.arm(NAME, { kind: 'throw', code: 'store-failed' }, { probability: 0.3 })
  const { length } = await thrown(points, 1000)
  t.ok(length > 230 && length < 370, `${length} of 1000`)
})

t.test('a delay waits for the clock, and no longer', async (t) => {
  const { points, clock } = make()
  points.arm(NAME, { kind: 'delay', delayMs: 500 })
  let over = false
  const hit = points.hit(NAME).then(() => (over = true))
  await clock.advance(499)
  t.equal(over, false)
  await clock.advance(1)
  await hit
})

t.test('what hangs goes on when it is disarmed', async (t) => {
  const { points } = make()
  points.arm(NAME, { kind: 'hang' })
  const hung = points.hit(NAME)
  points.disarmAll()
  await t.rejects(hung, { code: 'aborted' })
  t.equal(points.armed, false)
})

t.test('a kill ends the process, and nothing happens after it', async (t) => {
  const { points, kills } = make()
  points.arm(NAME, { kind: 'kill' })
  const hung = points.hit(NAME)
  t.equal(kills(), 1)
  const first = await Promise.race([
    hung.then(() => 'went on'),
    new Promise((resolve) => setImmediate(resolve))
  ])
  t.equal(first, undefined)
  points.disarmAll()
  await t.rejects(hung)
})

t.test('a simulator runs what it wants there', async (t) => {
  const { points } = make()
  const seen: unknown[] = []
  points.arm(NAME, { kind: 'run', run: (name, scope) => void seen.push([name, scope]) })
  await points.hit(NAME, 'a')
  t.same(seen, [[NAME, 'a']])
})

t.test('the environment names points, actions, hits and processes', async (t) => {
  t.same(
    parseFailpoints('chunk.put.beforeReceipt=kill@3; node-2/link.claim.afterCommit=throw:store-failed%0.5'),
    [
      { name: NAME, action: { kind: 'kill' }, options: { nth: 3 }, process: undefined },
      {
        name: 'link.claim.afterCommit',
        action: { kind: 'throw', code: 'store-failed' },
        options: { probability: 0.5 },
        process: 'node-2'
      }
    ]
  )
  t.same(parseFailpoints('orders.beforeConfirm=delay:250')[0]?.action, { kind: 'delay', delayMs: 250 })
  t.same(parseFailpoints(''), [])
  const wrong = [
    'chunk.put=kill',
    'toString=kill',
    `${NAME}`,
    `${NAME}=explode`,
    `${NAME}=throw`,
    `${NAME}=throw:no-such-code`,
    `${NAME}=kill:9`,
    `${NAME}=delay`,
    `${NAME}=kill@0`,
    `${NAME}=kill%0`,
    `${NAME}=kill%1.5`
  ]
  for (const text of wrong) t.throws(() => parseFailpoints(text), { code: 'config-invalid' }, text)
})

t.test('a process arms only what is meant for it', async (t) => {
  t.teardown(() => failpoints.disarmAll())
  t.same(armFailpoints(undefined, 'node'), [])
  t.same(armFailpoints(`node-1/${NAME}=hang`, 'node-2'), [])
  t.equal(failpoints.armed, false)
  t.same(armFailpoints(`node-1/${NAME}=hang;orders.beforeConfirm=kill@9`, 'node-1'), [
    `${NAME}=hang`,
    'orders.beforeConfirm=kill'
  ])
  t.equal(failpoints.armed, true)
})
