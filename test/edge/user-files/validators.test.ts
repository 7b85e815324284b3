import { test } from 'tap'
import { conditionOf } from '../../../src/edge/http/conditional.ts'
import { validatorsOf } from '../../../src/edge/user-files/send-content.ts'
import type { Content } from '../../../src/edge/user-files/send-content.ts'

const DAY = 24 * 60 * 60 * 1000

/** Version 3, which has the content of the first again. */
const restored = {
  file: { sha256: 'aa' },
  entry: { changedAt: 3 * DAY },
  version: { number: 3, uploadedAt: DAY }
} as unknown as Content

test('a file whose earlier version counts again is newer than the one in between', async (t) => {
  const now = validatorsOf(restored, false)
  const ofSecond = { 'if-modified-since': new Date(2 * DAY).toUTCString() }
  t.same(conditionOf(ofSecond, now), { kind: 'proceed', range: true }, 'who has the second gets it')
  t.equal(now.isDateStrong, false)
  const pinned = validatorsOf(restored, true)
  t.same(conditionOf(ofSecond, pinned), { kind: 'not-modified' }, 'a version by its number never changes')
  t.equal(pinned.isDateStrong, true)
  const first = { ...restored, version: { ...restored.version, number: 1 } }
  t.equal(validatorsOf(first, false).isDateStrong, true)
})
