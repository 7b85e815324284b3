/** What an edge notes waits in memory, and goes to the controller in batches; nothing of that holds up whoever notes it. */

import t from 'tap'
import { HistoryRecorder } from '../../../src/edge/history/recorder.ts'
import { PeerbinError } from '../../../src/errors.ts'
import type { ErrorCode } from '../../../src/errors.ts'
import type { ToldHistory } from '../../../src/history.ts'
import { parseConfig } from '../../../src/config.ts'
import type { ConfigInput } from '../../../src/config.ts'
import type { LogFields } from '../../../src/interfaces.ts'
import type { ControllerClient } from '../../../src/client/controller-client.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { ManualClock, settle } from '../../kit/manual-clock.ts'
import { seededRandom } from '../../kit/seeded-random.ts'

const request = { ip: '::ffff:10.0.0.7', socket: {} }

/** A controller that answers as it is told to, at once or when it is let go. */
function start(history: ConfigInput['history'] = {}) {
  const clock = new ManualClock()
  const state: {
    failure: ErrorCode | undefined
    gate: Promise<void> | undefined
    isAdmitted: boolean
    /** Of one key. */
    admittedMax: number
  } = { failure: undefined, gate: undefined, isAdmitted: true, admittedMax: Infinity }
  const noted = new Map<string, number>()
  const batches: ToldHistory[][] = []
  const kept: ToldHistory[] = []
  const told: LogFields[] = []
  const call = async (_op: string, { records }: { records: ToldHistory[] }) => {
    batches.push(records)
    await state.gate
    if (state.failure !== undefined) throw new PeerbinError(state.failure)
    kept.push(...records)
    return {}
  }
  const recorder = new HistoryRecorder({
    controller: { call: call as unknown as ControllerClient['call'] },
    clock,
    random: seededRandom(1),
    logger: { ...silentLogger, warn: (message, fields) => void told.push({ message, ...fields }) },
    config: parseConfig({ history }),
    admits: (key) => {
      noted.set(key, (noted.get(key) ?? 0) + 1)
      return state.isAdmitted && (noted.get(key) ?? 0) <= state.admittedMax
    }
  })
  const note = (path = 'x'): void => recorder.record({ request, action: 'download', path })
  const noteMany = (count: number): void => {
    for (let i = 0; i < count; i++) note(String(i))
  }
  return { clock, state, batches, kept, told, recorder, note, noteMany }
}

t.test('what is noted is sent within a second, together', async (t) => {
  const { clock, batches, kept, recorder, note } = start()
  note('a')
  await clock.advance(500)
  note('b')
  t.equal(batches.length, 0, 'noting asks nobody')
  t.equal(recorder.waiting, 2, 'and this is what a crash would lose')
  await clock.advance(500)
  t.same(
    kept.map(({ path }) => path),
    ['a', 'b']
  )
  t.equal(batches.length, 1)
  t.equal(recorder.waiting, 0)
  t.match(kept[0], { action: 'download', outcome: 'ok', address: '10.0.0.7', actor: null, bytes: null })
  await clock.advance(60_000)
  t.equal(batches.length, 1, 'nothing is sent where there is nothing')
  t.equal(clock.timers, 0)
})

t.test('two hundred do not wait for the second, and no batch is larger', async (t) => {
  const { clock, batches, noteMany } = start()
  noteMany(450)
  await settle()
  t.same(
    batches.map((batch) => batch.length),
    [200, 200]
  )
  await clock.advance(1000)
  t.same(
    batches.map((batch) => batch.length),
    [200, 200, 50]
  )
})

t.test('a batch that failed is sent again as it was, and what came meanwhile after it', async (t) => {
  const { clock, state, batches, kept, note } = start()
  state.failure = 'no-controller'
  note('a')
  await clock.advance(3000)
  note('b')
  t.ok(batches.length >= 2)
  state.failure = undefined
  await clock.advance(3000)
  t.same(
    kept.map(({ path }) => path),
    ['a', 'b']
  )
  t.equal(new Set(batches.map(([first]) => first?.id)).size, 1, 'under the same id')
})

t.test('one that the controller will never understand does not stop the others', async (t) => {
  const { clock, state, kept, note } = start()
  state.failure = 'bad-request'
  note('a')
  await clock.advance(1000)
  state.failure = undefined
  note('b')
  await clock.advance(1000)
  t.same(
    kept.map(({ path }) => path),
    ['b']
  )
})

t.test(
  'of an endless outage only so much is kept, in number and in time, and the rest is counted',
  async (t) => {
    const { clock, state, kept, told, recorder, noteMany } = start({ waitingMax: 300, holdMs: 60_000 })
    state.failure = 'no-controller'
    noteMany(1000)
    t.equal(recorder.waiting, 300)
    t.equal(told.length, 1, 'it is told once')
    await clock.advance(61_000)
    t.equal(recorder.waiting, 0, 'what is too old is given up')
    noteMany(10)
    state.failure = undefined
    await clock.advance(3000)
    t.equal(kept.length, 10)
    t.match(told.at(-1), { records: 1000 })
  }
)

t.test('of whoever does too much only so much is kept, and the rest is counted', async (t) => {
  const { clock, state, kept, told, noteMany } = start()
  noteMany(5)
  state.isAdmitted = false
  noteMany(100)
  await clock.advance(1000)
  t.equal(kept.length, 5)
  t.match(told, [{ why: String }, { records: 100 }])
})

t.test('noting does not wait for a controller that does not answer', async (t) => {
  const { clock, state, recorder, note, noteMany } = start()
  let letGo = (): void => {}
  state.gate = new Promise((resolve) => {
    letGo = resolve
  })
  note()
  await clock.advance(1000)
  noteMany(500)
  t.equal(recorder.waiting, 501)
  letGo()
  await clock.advance(2000)
  t.equal(recorder.waiting, 0)
})

t.test('what waits when the edge stops is sent still, and lost when nobody takes it', async (t) => {
  const first = start()
  first.noteMany(3)
  await first.recorder.stop(1000)
  t.equal(first.kept.length, 3)
  t.equal(first.clock.timers, 0)
  const second = start()
  second.state.failure = 'no-controller'
  second.noteMany(3)
  await second.recorder.stop(1000)
  t.match(second.told, [{ records: 3 }])
})

t.test('what takes a while is noted once, when it ends, with what is known by then', async (t) => {
  const { clock, kept, recorder } = start()
  const gone = { ip: '10.0.0.7', socket: { remoteAddress: '10.0.0.7' } }
  const entry = recorder.begin({ request: gone, action: 'link.download', bytes: 0 })
  await clock.advance(1500)
  entry.set({ path: 'a', attempts: 2 })
  Object.assign(gone, { ip: undefined, socket: {} }) // the connection was closed
  entry.end({ bytes: 7, error: new PeerbinError('aborted') })
  entry.end({ bytes: 100 })
  recorder.begin({ request, action: 'upload' }).drop()
  const dropped = recorder.begin({ request, action: 'upload' })
  dropped.drop()
  dropped.end()
  await clock.advance(1000)
  t.match(kept, [
    { path: 'a', attempts: 2, bytes: 7, durationMs: 1500, outcome: 'aborted', address: '10.0.0.7' }
  ])
  t.equal(kept.length, 1)
})

t.test('texts are cut to what a record may have, between two characters', async (t) => {
  const { clock, kept, recorder } = start()
  recorder.record({ request, action: 'rename', path: 'ü'.repeat(600), detail: `${'x'.repeat(1023)}ü\ud800` })
  await clock.advance(1000)
  t.equal(kept[0]?.path, 'ü'.repeat(512))
  t.equal(kept[0]?.detail, 'x'.repeat(1023))
})

t.test('who does very much does not hide behind it what counts', async (t) => {
  const { clock, kept, state, recorder, noteMany } = start()
  state.admittedMax = 3
  noteMany(10)
  const denied = new PeerbinError('permission-denied')
  for (let i = 0; i < 10; i++) recorder.record({ request, action: 'delete', error: denied })
  recorder.record({ request, action: 'login-failed', error: new PeerbinError('login-failed') })
  recorder.record({ request, action: 'delete' })
  await clock.advance(1000)
  t.same(
    kept.map(({ action }) => action),
    ['download', 'download', 'download', 'login-failed', 'delete']
  )
  for (let i = 0; i < 10; i++) recorder.record({ request, action: 'share' })
  await clock.advance(1000)
  t.equal(kept.length, 6, 'and of that as much is kept, and no more')
})
