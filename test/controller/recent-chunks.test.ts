import t from 'tap'
import { RecentChunks } from '../../src/controller/recent-chunks.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { chunk } from './members.ts'

t.test('a chunk is recent for a while after it was last touched', async (t) => {
  const clock = new ManualClock()
  const recent = new RecentChunks({ clock, recentMs: 1000 })
  t.notOk(recent.has(chunk('a')))
  recent.touch(chunk('a'))
  recent.touch(chunk('b'))
  await clock.advance(600)
  recent.touch(chunk('a'))
  await clock.advance(600)
  t.ok(recent.has(chunk('a')))
  t.notOk(recent.has(chunk('b')))
  await clock.advance(400)
  t.notOk(recent.has(chunk('a')))
})
