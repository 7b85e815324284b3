import t from 'tap'
import { assess, standingOf } from '../../../src/controller/repair/assess.ts'
import type { Assessment, AssessOptions } from '../../../src/controller/repair/assess.ts'
import { viewOf } from '../../../src/controller/repair/cluster-view.ts'
import type { NodeView } from '../../../src/controller/repair/cluster-view.ts'
import type { CopyRecord, PlacedChunkRecord } from '../../../src/metadata-store.ts'
import { defaultConfig } from '../../../src/config.ts'
import type { Member } from '../../../src/types.ts'
import { chunk, copyOn, generation, member } from '../members.ts'

const NOW = 1e12
const RULE = { copies: 3, copiesMin: 2 }
const policy = { now: NOW, cold: defaultConfig().cold }

const placed = (
  copies: CopyRecord[],
  changes: Partial<PlacedChunkRecord> & { name?: string } = {}
): PlacedChunkRecord => ({
  chunk: chunk(changes.name ?? 'c'),
  generation: generation(1),
  sizeBytes: 1000,
  copies,
  readAt: NOW,
  reads: 0,
  ...changes
})

const lives = (member: Member): NodeView => ({ member, fate: 'alive', draining: false })
const waits = (member: Member): NodeView => ({
  member: { ...member, liveness: 'down' },
  fate: 'waiting',
  draining: false
})
const goes = (member: Member): NodeView => ({ ...waits(member), fate: 'gone' })
const drains = (member: Member): NodeView => ({
  member: { ...member, state: 'draining' },
  fate: 'alive',
  draining: true
})

const judge = (
  record: PlacedChunkRecord,
  nodes: NodeView[],
  options: AssessOptions & { copies?: number } = {}
): Assessment => assess(record, viewOf(nodes, { copies: options.copies ?? 3, copiesMin: 2 }), policy, options)

const [a, b, c, d] = [member('A'), member('B'), member('C'), member('D')]
const all = [copyOn(a), copyOn(b), copyOn(c)]

t.test('a chunk with its copies on three hosts needs nothing', async (t) => {
  t.match(judge(placed(all), [a, b, c, d].map(lives)), { urgency: 'none', action: undefined })
})

t.test('a holder gives a missing copy to a node that has none', async (t) => {
  const { urgency, missing, action } = judge(placed([copyOn(a), copyOn(b)]), [a, b, c].map(lives))
  t.match(
    { urgency, missing, action },
    { urgency: 'under', missing: 1, action: { kind: 'copy', to: c.peer } }
  )
  t.same(action?.kind === 'copy' && action.sources.toSorted(), [a.peer, b.peer].toSorted())
})

t.test('a host without a copy comes before a better ranked one with', async (t) => {
  const neighbour = member('E', { host: a.host, freeBytes: 1e15 })
  for (let index = 0; index < 20; index++) {
    const record = placed([copyOn(a), copyOn(b)], { name: `c${index}` })
    t.match(judge(record, [a, b, neighbour, c].map(lives)), { action: { to: c.peer } })
  }
})

t.test('where all hosts hold a copy, another node on one of them is better than none', async (t) => {
  const neighbour = member('E', { host: a.host })
  const judged = judge(placed([copyOn(a), copyOn(b)]), [a, b, neighbour].map(lives))
  t.match(judged, { urgency: 'under', action: { to: neighbour.peer } })
})

t.test('a node that may return counts as a holder, and is not read from', async (t) => {
  const nodes = [lives(a), lives(b), waits(c), lives(d)]
  t.match(judge(placed(all), nodes), { urgency: 'none' })
  t.match(judge(placed([copyOn(b), copyOn(c)]), nodes).action, { sources: [b.peer] })
})

t.test('a node that is gone does not', async (t) => {
  const judged = judge(placed(all), [lives(a), lives(b), goes(c), lives(d)])
  t.match(judged, { urgency: 'under', missing: 1, action: { kind: 'copy', to: d.peer } })
})

t.test('the last copy on a node that lives is copied at once, whoever may return', async (t) => {
  const judged = judge(placed(all), [lives(a), waits(b), waits(c), lives(d)])
  t.match(judged, { urgency: 'last-copy', missing: 1, action: { sources: [a.peer], to: d.peer } })
  t.match(judge(placed(all), [waits(a), waits(b), goes(c), lives(d)]), {
    urgency: 'last-copy',
    action: undefined
  })
})

t.test('with fewer nodes than copies, as many copies are enough as there are nodes', async (t) => {
  t.match(judge(placed([copyOn(a), copyOn(b)]), [a, b].map(lives)), { urgency: 'none' })
  t.match(judge(placed([copyOn(a)]), [lives(a)]), { urgency: 'none' })
})

t.test('a chunk of which nobody ever said that it is stored is left to its upload', async (t) => {
  t.match(judge(placed([]), [a, b, c].map(lives)), { urgency: 'none', action: undefined })
  const stale = [copyOn(a, { generation: generation(0) })]
  t.match(judge(placed(stale), [a, b, c].map(lives)), { urgency: 'none', action: undefined })
})

t.test('nothing is given to who is suspect, full, read-only, being emptied or short of room', async (t) => {
  const nobody = [
    lives(member('E', { liveness: 'suspect' })),
    lives(member('F', { state: 'full' })),
    lives(member('G', { state: 'read-only' })),
    drains(member('H')),
    lives(member('I', { freeBytes: 999 }))
  ]
  const judged = judge(placed([copyOn(a), copyOn(b)]), [lives(a), lives(b), ...nobody])
  t.match(judged, { urgency: 'under', action: undefined })
})

t.test('a full or read-only holder is a good holder and a good source', async (t) => {
  const full = member('A', { state: 'full', freeBytes: 0 })
  t.match(judge(placed([copyOn(a)]), [lives(full), lives(b)]), {
    urgency: 'last-copy',
    action: { sources: [a.peer], to: b.peer }
  })
  t.match(judge(placed(all), [lives(full), lives(b), lives(c), lives(d)]), { urgency: 'none' })
})

t.test('a holder in its present life is read before one that restarted since', async (t) => {
  const restarted = { ...a, boot: 2 }
  for (let index = 0; index < 20; index++) {
    const record = placed([copyOn(a), copyOn(b)], { name: `c${index}` })
    t.match(judge(record, [restarted, b, c].map(lives)).action, { sources: [b.peer, a.peer] })
  }
})

t.test('reading is spread over the holders', async (t) => {
  const first = new Set<unknown>()
  for (let index = 0; index < 40; index++) {
    const { action } = judge(placed(all, { name: `c${index}` }), [a, b, c, d].map(lives), { copies: 4 })
    if (action?.kind === 'copy') first.add(action.sources[0])
  }
  t.equal(first.size, 3)
})

t.test('what a node being emptied holds is copied elsewhere, and only then trimmed there', async (t) => {
  const nodes = [drains(a), lives(b), lives(c), lives(d)]
  t.match(judge(placed(all), nodes), {
    urgency: 'misplaced',
    missing: 1,
    action: { kind: 'copy', to: d.peer }
  })
  t.match(judge(placed([...all, copyOn(d)]), nodes), {
    urgency: 'surplus',
    action: { kind: 'trim', peer: a.peer, keep: [{ boot: 1 }, { boot: 1 }, { boot: 1 }] }
  })
})

t.test('a copy that is too many is trimmed from the fullest node, if all others are sure', async (t) => {
  const fullest = { ...b, freeBytes: 5e11 }
  const four = [...all, copyOn(d)]
  t.match(judge(placed(four), [a, fullest, c, d].map(lives)), {
    urgency: 'surplus',
    action: { kind: 'trim', peer: b.peer }
  })
  const restarted = { ...a, boot: 2 }
  t.match(judge(placed(four), [restarted, b, c, d].map(lives)), { urgency: 'none' }, 'three sure ones')
  t.match(judge(placed(four), [{ ...a, liveness: 'suspect' as const }, b, c, d].map(lives)), {
    urgency: 'none'
  })
})

t.test('nothing is trimmed because nodes are silent for a moment', async (t) => {
  // only two of four can be written to now, but four will be there again
  const nodes = [lives(a), lives(b), lives({ ...c, liveness: 'suspect' }), waits(d)]
  t.match(judge(placed(all), nodes), { urgency: 'none', action: undefined })
})

t.test('two copies on one host are spread, and the doubled one goes', async (t) => {
  const neighbour = member('B', { host: a.host })
  const nodes = [a, neighbour, c, d].map(lives)
  const doubled = [copyOn(a), copyOn(neighbour), copyOn(c)]
  t.match(judge(placed(doubled), nodes), { urgency: 'misplaced', action: { kind: 'copy', to: d.peer } })
  const spreadOut = judge(placed([...doubled, copyOn(d)]), nodes)
  t.match(spreadOut, { urgency: 'surplus', action: { kind: 'trim' } })
  t.ok(spreadOut.action?.kind === 'trim' && [a.peer, neighbour.peer].includes(spreadOut.action.peer))
})

t.test('two copies in one zone are spread where there are two', async (t) => {
  const [east, also, third] = [a, b, c].map((node) => ({ ...node, zone: 'east' }))
  const west = { ...d, zone: 'west' }
  if (east === undefined || also === undefined || third === undefined) return
  const judged = judge(placed(all), [east, also, third, west].map(lives))
  t.match(judged, { urgency: 'misplaced', action: { kind: 'copy', to: west.peer } })
})

t.test('what nobody read for long goes to cold nodes, copies first', async (t) => {
  const cold = [member('X', { tier: 'cold' }), member('Y', { tier: 'cold' })]
  const nodes = [a, b, c, ...cold].map(lives)
  const old = { readAt: NOW - policy.cold.afterMs - 1, reads: 1 }
  const copies = [...all]
  for (const _ of cold) {
    const judged = judge(placed(copies, old), nodes)
    t.match(judged, { urgency: 'misplaced', action: { kind: 'copy' } })
    const to = judged.action?.kind === 'copy' ? judged.action.to : undefined
    const next = cold.find(({ peer }) => peer === to)
    if (next === undefined) return t.fail('it goes to a cold node')
    copies.push(copyOn(next))
  }
  t.match(judge(placed(copies, old), nodes), { urgency: 'surplus', action: { kind: 'trim' } })
  const settled = [copyOn(a), ...cold.map((node) => copyOn(node))]
  t.match(judge(placed(settled, old), nodes), { urgency: 'none' })
  t.match(judge(placed(settled, { readAt: NOW, reads: 1 }), nodes), { urgency: 'none' }, 'one read')
  t.match(judge(placed(settled, { readAt: NOW, reads: 3 }), nodes), {
    urgency: 'misplaced',
    action: { kind: 'copy' }
  })
})

t.test('a chunk somebody waits for counts on sure copies only', async (t) => {
  const silent = { ...b, liveness: 'suspect' as const }
  const nodes = [a, silent, c, d].map(lives)
  const record = placed([copyOn(a), copyOn(b), copyOn(c, { boot: 0 })])
  t.match(judge(record, nodes), { urgency: 'none' })
  t.match(judge(record, nodes, { urged: true }), {
    urgency: 'last-copy',
    action: { kind: 'copy', to: d.peer }
  })
})

t.test('another node takes the place of one that failed a moment ago', async (t) => {
  const record = placed([copyOn(a), copyOn(b)])
  const nodes = [a, b, c, d].map(lives)
  const first = judge(record, nodes).action
  if (first?.kind !== 'copy') return t.fail('a copy is due')
  const second = judge(record, nodes, { avoid: new Set([first.to]) }).action
  t.ok(second?.kind === 'copy' && second.to !== first.to)
})

t.test('a node being emptied is needed as long as a chunk has too few sure copies elsewhere', async (t) => {
  const nodes = viewOf([drains(a), lives(b), lives(c), lives(d)], RULE)
  t.same(standingOf(placed(all), nodes).needs, [{ peer: a.peer, needed: true, last: false }])
  t.same(standingOf(placed([...all, copyOn(d)]), nodes).needs, [{ peer: a.peer, needed: false, last: false }])
  t.same(standingOf(placed([copyOn(a)]), nodes).needs, [{ peer: a.peer, needed: true, last: true }])
  t.same(standingOf(placed([copyOn(b), copyOn(c), copyOn(d)]), nodes).needs, [])
})

const falters = (member: Member): NodeView => lives({ ...member, liveness: 'suspect' })

t.test('what a chunk needs is not less because nobody is heard for a moment', async (t) => {
  const nodes = [lives(a), lives(b), falters(d)]
  t.match(judge(placed([copyOn(a), copyOn(b)]), nodes), { urgency: 'under' })
  t.match(judge(placed([copyOn(a)]), [lives(a), falters(b), falters(d)]), { urgency: 'last-copy' })
  const deaf = viewOf([drains({ ...a, liveness: 'suspect' }), falters(b), falters(c)], RULE)
  t.match(standingOf(placed([copyOn(a)]), deaf), { unsettled: true, needs: [{ needed: true, last: true }] })
})

t.test('no node leaves a chunk with fewer than two copies, or with all of them on one machine', async (t) => {
  const needs = (record: PlacedChunkRecord, nodes: NodeView[]): boolean | undefined =>
    standingOf(record, viewOf(nodes, RULE)).needs.find(({ peer }) => peer === c.peer)?.needed
  t.equal(needs(placed(all), [lives(a), lives(b), drains(c)]), false)
  t.equal(needs(placed(all), [lives(a), waits(b), drains(c)]), true, 'the other is down, and may not return')
  t.equal(needs(placed(all), [lives(a), goes(b), drains(c)]), true, 'the other is gone')
  t.equal(needs(placed([copyOn(a), copyOn(c)]), [lives(a), drains(c)]), true)
  const [e, f] = [member('E', { host: a.host }), member('F', { host: a.host })]
  const pair = standingOf(placed([copyOn(a), copyOn(e)]), viewOf([lives(a), drains(e)], RULE))
  t.match(pair.needs, [{ peer: e.peer, needed: true }], 'two copies on one machine are better than one')
  const crowded = placed([copyOn(a), copyOn(e), copyOn(f), copyOn(c)])
  const nodes = [lives(a), lives(e), lives(f), drains(c), goes(d)]
  t.equal(needs(crowded, nodes), true, 'the only one on another machine')
  t.match(judge(crowded, nodes), { urgency: 'none', action: undefined }, 'nor is it trimmed')
  t.equal(
    needs(placed([copyOn(a), copyOn(e), copyOn(d), copyOn(c)]), [...nodes.slice(0, 4), lives(d)]),
    false
  )
})
