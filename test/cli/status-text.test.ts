import t from 'tap'
import { formatDuration, stateOf, statusText } from '../../src/cli/cluster/status-text.ts'
import { controlSamples } from '../protocol/samples.ts'
import type { ClusterStatus } from '../../src/protocol/messages.ts'

const sample: ClusterStatus = controlSamples.status.response
const calm: ClusterStatus = {
  ...sample,
  chunksOwed: 0,
  linksSuspended: 0,
  spaceUsed: { anonymous: 0 },
  repair: { ...sample.repair, lastCopy: 0, under: 0, misplaced: 0, surplus: 0, running: 0, looked: 1 },
  collector: { frozen: null, held: [], unknown: 0 }
}

t.test('durations are short and rounded', async (t) => {
  t.same([0, 400, 1000, 59_000, 60_000, 3_600_000, 40 * 3_600_000, 10 * 86_400_000].map(formatDuration), [
    '0.0 s',
    '0.4 s',
    '1 s',
    '59 s',
    '1 min',
    '1 h',
    '40 h',
    '10 days'
  ])
})

t.test('a cluster at rest says so, and says no more', async (t) => {
  const text = statusText(calm)
  t.match(text, /^chunks: +1,194 \(5\.0 GB\), all at their copies$/m)
  t.notMatch(text, /^repair:|^collector:|SUSPENDED|OVERDUE/m)
  t.match(text, /^snapshots: +2 s behind on 3 nodes/m)
})

t.test('what has to be repaired is counted, with rate and time left', async (t) => {
  const text = statusText(sample)
  t.match(
    text,
    /1 with one copy left, 2 with fewer copies than they should have, 3 to be moved, 4 with copies to spare/
  )
  t.match(
    text,
    /^repair: +6 chunks \(12\.6 MB\), 2 under way, 41\.9 MB\/s, about 0\.3 s left, 50% looked through$/m
  )
  const paused = statusText({ ...calm, repair: { ...calm.repair, paused: '2 of 5 nodes were lost' } })
  t.match(paused, /^repair: +only last copies; PAUSED: 2 of 5 nodes were lost$/m)
})

t.test('what an operator has to decide names the command for it', async (t) => {
  t.match(
    statusText(sample),
    /^collector: +FROZEN, nothing is deleted: recovered \(`peerbin collector resume` ends that\)$/m
  )
  const held = statusText({ ...sample, collector: { ...sample.collector, frozen: null } })
  t.match(held, /holds 5,000 of 20,000 chunks that no file needs; look, then `peerbin collector approve 12D3/)
  t.match(statusText(sample), /2 SUSPENDED \(`peerbin links`\)/)
  t.match(statusText({ ...sample, scrub: { ...sample.scrub, overdue: true } }), /^scrub: +OVERDUE: /m)
  t.match(statusText({ ...sample, snapshot: null }), /^snapshots: +none: the loss of the controller/m)
})

t.test('a node that is being emptied says how far it is, and when it may be switched off', async (t) => {
  const node = sample.nodes[0]
  if (node === undefined) return t.fail('the sample has a node')
  const draining = { ...node, liveness: 'active' as const }
  t.equal(stateOf(draining), 'draining, 7 left')
  t.equal(
    stateOf({ ...draining, drain: { chunksLeft: 0, bytesLeft: 0, etaMs: 0, safe: true } }),
    'emptied, safe to switch off'
  )
  t.equal(stateOf({ ...draining, drain: null, state: 'full' }), 'full')
  t.equal(stateOf(node), 'suspect')
})
