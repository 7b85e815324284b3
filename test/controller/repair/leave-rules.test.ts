import t from 'tap'
import { viewOf } from '../../../src/controller/repair/cluster-view.ts'
import { drainRefusal, isSafe, retireRefusal } from '../../../src/controller/repair/leave-rules.ts'
import type { Leaving } from '../../../src/controller/repair/leaving-nodes.ts'
import type { Member } from '../../../src/types.ts'
import { member } from '../members.ts'

const MIB = 2 ** 20
const rule = { copies: 3, copiesMin: 2 }
const [a, b, c, d] = [member('A'), member('B'), member('C'), member('D')]
const view = (members: Member[], draining: Member[] = []): ReturnType<typeof viewOf> =>
  viewOf(
    members.map((each) => ({ member: each, fate: 'alive' as const, draining: draining.includes(each) })),
    { copies: 3, copiesMin: 2 }
  )

t.test('as many nodes stay as uploads need', async (t) => {
  t.equal(drainRefusal(a.peer, view([a, b, c]), rule), undefined)
  t.match(drainRefusal(a.peer, view([a, b]), rule), '1 other node would be left')
  t.match(drainRefusal(a.peer, view([a]), rule), '0 other nodes would be left')
  t.match(drainRefusal(a.peer, view([a, b, c], [b]), rule), '1 other node', 'one leaves already')
  t.match(drainRefusal(a.peer, view([a, b, { ...c, state: 'full' }]), rule), '1 other node', 'one is full')
  t.match(drainRefusal(a.peer, view([a, b, { ...c, liveness: 'suspect' }]), rule), '1 other node')
})

t.test('and they stay on two machines, where there are two', async (t) => {
  const here = [b, c].map((each) => ({ ...each, host: 'here' }))
  t.match(drainRefusal(a.peer, view([a, ...here]), rule), 'all on one machine (here)')
  t.equal(drainRefusal(a.peer, view([{ ...a, host: 'here' }, ...here]), rule), undefined)
})

t.test('and they have room for what has to move', async (t) => {
  const full = { ...a, usedBytes: 301 * MIB }
  const others = [b, c, d].map((each) => ({ ...each, freeBytes: 100 * MIB }))
  t.match(
    drainRefusal(a.peer, view([full, ...others]), rule),
    'it holds 301 MiB, and the others have room for 300 MiB'
  )
  t.equal(drainRefusal(a.peer, view([{ ...full, usedBytes: 300 * MIB }, ...others]), rule), undefined)
  const other = { ...member('E'), usedBytes: 150 * MIB }
  t.match(
    drainRefusal(a.peer, view([{ ...full, usedBytes: 200 * MIB }, other, ...others], [other]), rule),
    'the 2 nodes that are being emptied hold 350 MiB'
  )
  t.equal(
    drainRefusal(a.peer, view([full, ...others.slice(1)]), rule),
    undefined,
    'the others hold it already'
  )
})

const leaving: Leaving = { chunks: 0, bytes: 0, lastCopies: 0, open: 0, complete: true }

t.test('a node is safe to switch off when all was looked at and nothing needs it', async (t) => {
  t.ok(isSafe(leaving, true))
  t.notOk(isSafe(leaving, false), 'it may be given chunks still')
  t.notOk(isSafe({ ...leaving, complete: false }, true))
  t.notOk(isSafe({ ...leaving, chunks: 1 }, true))
  t.notOk(isSafe({ ...leaving, open: 1 }, true))
})

t.test('forgetting a node', async (t) => {
  const heard = { safe: false, leaving, othersSilent: false }
  const running = { ...heard, isHeard: true, draining: true }
  const down = { ...heard, isHeard: false, draining: false }
  const needed = { ...leaving, chunks: 5, bytes: 3 * MIB, lastCopies: 2 }
  for (const force of [false, true]) {
    t.equal(retireRefusal({ ...running, safe: true }, force), undefined)
    t.match(retireRefusal({ ...running, draining: false }, force), 'drain it first')
    t.match(retireRefusal({ ...running, leaving: needed }, force), '5 chunks (3 MiB) still need it')
    t.match(retireRefusal({ ...running, leaving: { ...leaving, open: 1 } }, force), '1 chunk of uploads')
    t.match(retireRefusal(running, force), 'a moment ago')
    t.equal(retireRefusal(down, force), undefined)
    t.match(retireRefusal({ ...down, leaving: undefined }, force), 'still being counted')
    t.match(retireRefusal({ ...down, leaving: { ...needed, complete: false } }, force), 'still being counted')
  }
  t.match(retireRefusal({ ...down, leaving: needed }, false), '2 of them none')
  t.match(retireRefusal({ ...down, othersSilent: true }, false), 'not heard at the moment')
  t.match(retireRefusal({ ...running, othersSilent: true }, true), 'not heard at the moment')
  t.equal(retireRefusal({ ...down, leaving: needed }, true), undefined)
})
