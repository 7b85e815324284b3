import t from 'tap'
import { standingOf } from '../../../src/controller/repair/assess.ts'
import { viewOf } from '../../../src/controller/repair/cluster-view.ts'
import { LeavingNodes } from '../../../src/controller/repair/leaving-nodes.ts'
import type { CopyRecord, PlacedChunkRecord } from '../../../src/metadata-store.ts'
import { chunk, copyOn, generation, member } from '../members.ts'

const [a, b, c, d] = [member('A', { state: 'draining' }), member('B'), member('C'), member('D')]
const view = viewOf(
  [a, b, c, d].map((each) => ({ member: each, fate: 'alive' as const, draining: each === a })),
  { copies: 3, copiesMin: 2 }
)
const record = (name: string, copies: CopyRecord[], number = 1): PlacedChunkRecord => ({
  chunk: chunk(name),
  generation: generation(number),
  sizeBytes: 100,
  copies: copies.map((copy) => ({ ...copy, generation: generation(number) })),
  readAt: 0,
  reads: 0
})
const needed = record('needed', [copyOn(a), copyOn(b), copyOn(c)])
const spared = record('spared', [copyOn(a), copyOn(b), copyOn(c), copyOn(d)])

const make = (max = 10): LeavingNodes => new LeavingNodes({ max, copiesMin: 2 })
const look = (leaving: LeavingNodes, chunks: readonly PlacedChunkRecord[], inPass = true): void => {
  for (const each of chunks) leaving.note(each, standingOf(each, view), inPass)
}

t.test('only nodes that leave are counted', async (t) => {
  const leaving = make()
  t.equal(leaving.of(a.peer, view), undefined, 'nobody has looked yet')
  leaving.beginPass(view, true)
  t.equal(leaving.of(b.peer, view), undefined)
  look(leaving, [needed, spared])
  t.match(leaving.of(a.peer, view), { chunks: 1, bytes: 100, lastCopies: 0, open: 0, complete: false })
  leaving.endPass()
  t.match(leaving.of(a.peer, view), { chunks: 1, complete: true })
})

t.test('a look beside the pass counts down, and a change makes it incomplete again', async (t) => {
  const leaving = make()
  leaving.beginPass(view, true)
  look(leaving, [needed])
  leaving.endPass()
  look(leaving, [{ ...needed, copies: spared.copies }], false)
  t.match(leaving.of(a.peer, view), { chunks: 0, bytes: 0, complete: true })
  leaving.beginPass(view, false)
  t.match(leaving.of(a.peer, view), { complete: true }, 'a pass to make sure')
  leaving.beginPass(view, true)
  t.match(leaving.of(a.peer, view), { complete: false })
})

t.test('chunks that are no more are forgotten, at once or by the next pass', async (t) => {
  const leaving = make()
  leaving.beginPass(view, true)
  look(leaving, [needed, record('other', needed.copies)])
  leaving.forget(needed.chunk)
  t.match(leaving.of(a.peer, view), { chunks: 1 })
  leaving.beginPass(view, false)
  leaving.endPass()
  t.match(leaving.of(a.peer, view), { chunks: 0, bytes: 0 })
})

t.test('more than is remembered is counted all the same', async (t) => {
  const leaving = make(2)
  leaving.beginPass(view, true)
  const only = [copyOn(a)]
  look(leaving, [needed, ...['1', '2', '3'].map((name) => record(name, only))])
  t.match(leaving.of(a.peer, view), { chunks: 4, bytes: 400, lastCopies: 3 })
  leaving.beginPass(view, true)
  t.match(leaving.of(a.peer, view), { chunks: 2 }, 'the others are counted anew')
})

t.test('a chunk of an open upload that has not got its copies may be on the node', async (t) => {
  const leaving = make()
  const unreported = record('unreported', [copyOn(b)], 7)
  leaving.beginPass(view, true)
  look(leaving, [unreported])
  t.match(leaving.of(a.peer, view), { open: 0 }, 'nobody knows yet which are in question')
  leaving.fence(a.peer, generation(7))
  t.ok(leaving.isFenced(a.peer))
  leaving.beginPass(view, true)
  look(leaving, [unreported, record('later', [copyOn(b)], 8), record('enough', [copyOn(b), copyOn(c)], 6)])
  t.match(leaving.of(a.peer, view), { chunks: 0, open: 1 })
  leaving.beginPass(view, true)
  look(leaving, [record('unreported', [copyOn(b), copyOn(c)], 7)])
  t.match(leaving.of(a.peer, view), { open: 0 })
})

t.test('what was counted before the node took its last chunk is not complete', async (t) => {
  const leaving = make()
  leaving.beginPass(view, true)
  look(leaving, [spared])
  leaving.fence(a.peer, generation(7))
  leaving.endPass()
  t.match(leaving.of(a.peer, view), { complete: false }, 'also when a pass was under way')
  leaving.beginPass(view, true)
  look(leaving, [spared, record('last', [copyOn(a), copyOn(b), copyOn(c)], 7)])
  leaving.endPass()
  t.match(leaving.of(a.peer, view), { chunks: 1, complete: true })
})

t.test('nor is what was counted while a node was in an earlier life', async (t) => {
  const leaving = make()
  leaving.beginPass(view, true)
  look(leaving, [spared])
  leaving.endPass()
  t.match(leaving.of(a.peer, view), { complete: true })
  const restarted = member('B', { boot: b.boot + 1 })
  const later = viewOf(
    [a, restarted, c, d].map((each) => ({ member: each, fate: 'alive' as const, draining: each === a })),
    { copies: 3, copiesMin: 2 }
  )
  t.match(leaving.of(a.peer, later), { complete: false })
})
