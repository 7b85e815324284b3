import t from 'tap'
import { defaultConfig } from '../../src/config.ts'
import { Places } from '../../src/node/places.ts'

const config = { ...defaultConfig().node, putsMax: 2, replicasMax: 3, getsMax: 1, waitersMax: 1 }
const signal = AbortSignal.timeout(60_000)

t.test(
  'a put waits until it has its places for copying and receiving, and one too many is turned away',
  async (t) => {
    const places = new Places(config)
    const first = await places.enterPut(2, signal)
    t.same(places.used, { receiving: 1, copying: 2, reading: 0 })
    let entered = false
    const second = places.enterPut(2, signal).then((held) => {
      entered = true
      return held
    })
    await t.rejects(places.enterPut(2, signal), { code: 'busy' })
    first.receiving.release()
    t.equal(entered, false)
    first.copying?.release()
    t.equal((await second).jobs, 2)
  }
)

t.test(
  'a put without copies waits for no copying, and one with too many makes as many as can be',
  async (t) => {
    const places = new Places(config)
    const all = await places.enterPut(15, signal)
    t.equal(all.jobs, 3)
    const single = await places.enterPut(0, signal)
    t.equal(single.copying, undefined)
  }
)

t.test('places are given back when waiting for the rest of them is given up', async (t) => {
  const places = new Places(config)
  const reading = await places.enterGet(signal)
  const abort = new AbortController()
  const copy = places.enterCopy(abort.signal)
  abort.abort()
  await t.rejects(copy, { code: 'aborted' })
  reading.release()
  t.same(places.used, { receiving: 0, copying: 0, reading: 0 })
})
