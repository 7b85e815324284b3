import t from 'tap'
import type { Network } from '../../src/interfaces.ts'
import { MemoryHub } from '../../src/network/memory-network.ts'
import { ManualClock, settle } from '../kit/manual-clock.ts'
import { seededRandom } from '../kit/seeded-random.ts'

const TOPIC = 'links/topic/1'
const ECHO = '/links/echo/1'

interface Two {
  clock: ManualClock
  hub: MemoryHub
  a: Network
  b: Network
  /** What `b` heard, with the time. */
  heard: string[]
}

async function two(seed = 1): Promise<Two> {
  const clock = new ManualClock()
  const hub = new MemoryHub({ clock, random: seededRandom(seed) })
  const [a, b] = [hub.network(), hub.network()]
  const heard: string[] = []
  b.subscribe(TOPIC, (_from, message) => heard.push(`${clock.monotonic()}: ${message.join()}`))
  b.handle(ECHO, async (stream) => {
    for (let piece = await stream.read(); piece !== undefined; piece = await stream.read())
      await stream.write(piece)
  })
  await a.start()
  await b.start()
  a.learn(b.self, b.addresses())
  const connecting = a.connect(b.self)
  await clock.advance(0)
  await connecting
  return { clock, hub, a, b, heard }
}

t.test('nothing arrives before its delay has passed, and in order', async (t) => {
  const { clock, hub, a, b, heard } = await two()
  hub.setLink(a.self, b.self, { delayMs: 100, jitterMs: 50 })
  for (let n = 0; n < 5; n++) await a.publish(TOPIC, Uint8Array.of(n))
  await clock.advance(99)
  t.same(heard, [])
  await clock.advance(100)
  t.same(
    heard.map((line) => line.split(' ')[1]),
    ['0', '1', '2', '3', '4']
  )
})

t.test('the same seed gives the same run', async (t) => {
  const run = async (seed: number): Promise<string[]> => {
    const { clock, hub, a, b, heard } = await two(seed)
    hub.setLink(a.self, b.self, { delayMs: 10, jitterMs: 90, loss: 0.3 })
    for (let n = 0; n < 50; n++) {
      await a.publish(TOPIC, Uint8Array.of(n))
      await clock.advance(7)
    }
    await clock.advance(1000)
    return [a.self, b.self, ...heard]
  }
  const first = await run(5)
  t.same(await run(5), first)
  t.notSame(await run(6), first)
  t.ok(first.length > 20 && first.length < 50, 'some messages are lost')
})

t.test('a cut link breaks what is open and refuses what is new, until it is healed', async (t) => {
  const { clock, hub, a, b, heard } = await two()
  const opening = a.open(b.self, ECHO)
  await clock.advance(0)
  const stream = await opening
  const reading = t.rejects(stream.read(), { code: 'peer-unreachable' })
  hub.cut(a.self, b.self)
  await reading
  t.same([a.connected(), b.connected()], [[], []])
  await a.publish(TOPIC, Uint8Array.of(1))
  const dial = t.rejects(a.connect(b.self), { code: 'deadline-exceeded' })
  await clock.advance(10_000)
  await dial
  t.same(heard, [])
  hub.heal(a.self, b.self)
  const again = a.connect(b.self)
  await clock.advance(10)
  t.equal(await again, b.self)
})

t.test('on a link that fell silent everything waits until it is healed', async (t) => {
  const { clock, hub, a, b, heard } = await two()
  const opening = a.open(b.self, ECHO)
  await clock.advance(0)
  const stream = await opening
  hub.cut(a.self, b.self, { silent: true })
  await stream.write(Uint8Array.of(1, 2))
  await stream.write(Uint8Array.of(3))
  await clock.advance(60_000)
  t.same(a.connected(), [b.self], 'nobody has noticed')
  let got: Uint8Array | undefined
  const reading = stream.read().then((piece) => (got = piece))
  await settle()
  t.equal(got, undefined)
  hub.heal(a.self, b.self)
  await clock.advance(10)
  await reading
  t.same(Buffer.from(got ?? []), Buffer.of(1, 2))
  await a.publish(TOPIC, Uint8Array.of(9))
  await clock.advance(10)
  t.equal(heard.length, 1)
})

t.test('one direction may be cut alone', async (t) => {
  const { clock, hub, a, b, heard } = await two()
  const back: number[] = []
  a.subscribe(TOPIC, (_from, message) => back.push(...message))
  hub.setLink(b.self, a.self, { cut: true })
  await a.publish(TOPIC, Uint8Array.of(1))
  await b.publish(TOPIC, Uint8Array.of(2))
  await clock.advance(100)
  t.equal(heard.length, 1)
  t.same(back, [])
})

t.test('a peer that comes back has its id and none of its connections', async (t) => {
  const { clock, hub, a, b } = await two()
  await t.rejects(hub.network({ peer: b.self }).start(), { code: 'data-in-use' }, 'never two at once')
  await b.stop()
  t.same(a.connected(), [])
  const again = hub.network({ peer: b.self })
  await again.start()
  t.equal(again.self, b.self)
  const connecting = a.connect(b.self)
  await clock.advance(10)
  await connecting
  t.same(again.connected(), [a.self])
})

t.test('what was written can be changed afterwards', async (t) => {
  const { clock, a, b } = await two()
  const opening = a.open(b.self, ECHO)
  await clock.advance(0)
  const stream = await opening
  const bytes = Uint8Array.of(1)
  await stream.write(bytes)
  bytes[0] = 2
  const reading = stream.read()
  await clock.advance(10)
  t.same(Buffer.from((await reading) ?? []), Buffer.of(1))
})
