import t from 'tap'
import { REFRESH_MS, heartbeatOf, recordOf, worthRecording } from '../../src/controller/node-records.ts'
import type { Address } from '../../src/types.ts'
import { member } from './members.ts'

const first = recordOf(member('A', { lastHeartbeatAt: 1_000_000 }))
const later = { ...first, sequence: 2, lastSeenAt: first.lastSeenAt + 1000 }

t.test('a node that was never seen is recorded', async (t) => {
  t.ok(worthRecording(undefined, first))
})

t.test('a heartbeat that only shows that time passes is not', async (t) => {
  t.notOk(worthRecording(first, later))
  t.notOk(worthRecording(first, { ...later, freeBytes: 7, usedBytes: 8, chunks: 9 }))
})

t.test('after a while it is, with the figures of use', async (t) => {
  t.ok(worthRecording(first, { ...later, lastSeenAt: first.lastSeenAt + REFRESH_MS }))
})

t.test('who and where a node is counts at once', async (t) => {
  const changes = [
    { boot: 2 },
    { host: 'other' },
    { zone: 'other' },
    { tier: 'cold' as const },
    { state: 'full' as const },
    { version: '9' },
    { capacityBytes: 5 },
    { addresses: ['/ip4/10.0.0.1/tcp/1' as Address] }
  ]
  for (const change of changes) t.ok(worthRecording(first, { ...later, ...change }), JSON.stringify(change))
})

t.test('what is not newer is not recorded, whatever it says', async (t) => {
  t.notOk(worthRecording(later, { ...first, host: 'other', lastSeenAt: first.lastSeenAt + REFRESH_MS * 2 }))
  t.notOk(worthRecording({ ...first, boot: 2 }, { ...later, host: 'other' }))
})

t.test('a record gives back the heartbeat it was made from', async (t) => {
  const { liveness: _liveness, lastHeartbeatAt: _at, ...heartbeat } = member('A')
  t.same(heartbeatOf(recordOf(member('A'))), heartbeat)
})
