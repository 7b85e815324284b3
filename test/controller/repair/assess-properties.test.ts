/** What must hold for every membership: carried out one after another, the actions end, and no step makes a chunk less safe than it could be. */

import fc from 'fast-check'
import t from 'tap'
import { defaultConfig } from '../../../src/config.ts'
import { assess } from '../../../src/controller/repair/assess.ts'
import type { Action } from '../../../src/controller/repair/assess.ts'
import { viewOf } from '../../../src/controller/repair/cluster-view.ts'
import type { ClusterView, NodeView } from '../../../src/controller/repair/cluster-view.ts'
import type { PlacedChunkRecord } from '../../../src/metadata-store.ts'
import type { PeerId } from '../../../src/types.ts'
import { chunk, copyOn, generation, member } from '../members.ts'

const NOW = 1e12
const COPIES = 3
const policy = { now: NOW, cold: defaultConfig().cold }
/** Hosts stand in one zone each. */
const ZONES = ['east', 'east', 'west', 'west', 'north']
/** Copies to all nodes and back: more steps than that go in circles. */
const STEPS_MAX = 30
const RUNS = 2000

interface NodeCase {
  host: number
  freeBytes: number
  standing: 'active' | 'suspect' | 'waiting' | 'gone'
  state: 'active' | 'full' | 'read-only' | 'draining'
  tier: 'hot' | 'cold'
  copy: 'none' | 'sure' | 'earlier boot'
}

const often = <T>(usual: T, ...rare: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, { weight: 2, arbitrary: fc.constantFrom(...rare) })

const anyNode: fc.Arbitrary<NodeCase> = fc.record({
  host: fc.nat({ max: ZONES.length - 1 }),
  freeBytes: often(1e9, 2e9, 3e9, 10),
  standing: often<NodeCase['standing']>('active', 'suspect', 'waiting', 'gone'),
  state: often<NodeCase['state']>('active', 'full', 'read-only', 'draining'),
  tier: often<NodeCase['tier']>('hot', 'cold'),
  copy: fc.constantFrom<NodeCase['copy']>('none', 'none', 'sure', 'sure', 'earlier boot')
})

const healthyNode: fc.Arbitrary<NodeCase> = anyNode.map((node) => ({
  ...node,
  standing: 'active',
  freeBytes: Math.max(node.freeBytes, 1e9),
  state: node.state === 'draining' ? 'draining' : 'active',
  copy: node.copy === 'earlier boot' ? 'sure' : node.copy
}))

const anyReads = fc.record({ ageMs: fc.constantFrom(0, policy.cold.afterMs + 1), reads: fc.nat({ max: 4 }) })

interface Case {
  nodes: NodeCase[]
  reads: { ageMs: number; reads: number }
  name: string
}

const cases = (node: fc.Arbitrary<NodeCase>): fc.Arbitrary<Case> =>
  fc.record({
    nodes: fc.array(node, { minLength: 1, maxLength: 9 }),
    reads: anyReads,
    name: fc.string({ maxLength: 3 })
  })

function setUp({ nodes, reads, name }: Case): { view: ClusterView; record: PlacedChunkRecord } {
  const views = nodes.map((node, index): NodeView => {
    const liveness = { active: 'active', suspect: 'suspect', waiting: 'down', gone: 'down' } as const
    return {
      member: member(`${index}`, {
        boot: 5,
        host: `h${node.host}`,
        zone: ZONES[node.host] ?? '',
        freeBytes: node.freeBytes,
        liveness: liveness[node.standing],
        state: node.state,
        tier: node.tier
      }),
      fate: node.standing === 'waiting' || node.standing === 'gone' ? node.standing : 'alive',
      draining: node.state === 'draining'
    }
  })
  const copies = views.flatMap(({ member: holder }, index) => {
    const copy = nodes[index]?.copy ?? 'none'
    return copy === 'none' ? [] : [copyOn(holder, { boot: copy === 'sure' ? 5 : 4 })]
  })
  const record = {
    chunk: chunk(name),
    generation: generation(1),
    sizeBytes: 1000,
    copies,
    readAt: NOW - reads.ageMs,
    reads: reads.reads
  }
  return { view: viewOf(views, { copies: COPIES, copiesMin: 2 }), record }
}

/** Sure copies that stay. */
const staying = (view: ClusterView, record: PlacedChunkRecord): NodeView[] =>
  record.copies.flatMap((copy) => {
    const node = view.nodes.get(copy.peer)
    const counts = node?.member.liveness === 'active' && node.member.boot === copy.boot && !node.draining
    return counts ? [node] : []
  })

/** Nodes that hold it, or may still. */
const holders = (view: ClusterView, record: PlacedChunkRecord): NodeView[] =>
  record.copies.flatMap((copy) => {
    const node = view.nodes.get(copy.peer)
    return node === undefined || node.fate === 'gone' ? [] : [node]
  })

const hostsOf = (nodes: readonly NodeView[]): number => new Set(nodes.map((node) => node.member.host)).size

/** Most hosts that the wanted copies could be on. */
function hostsPossible(view: ClusterView, record: PlacedChunkRecord): number {
  const held = new Set(record.copies.map((copy) => copy.peer))
  const possible = [...view.nodes.values()].filter(
    ({ member: node, draining }) =>
      node.liveness === 'active' &&
      !draining &&
      ((node.state === 'active' && node.freeBytes >= record.sizeBytes) || held.has(node.peer))
  )
  return Math.min(view.wanted, hostsOf(possible))
}

function check(view: ClusterView, record: PlacedChunkRecord, action: Action): void {
  const active = (id: PeerId): boolean => view.nodes.get(id)?.member.liveness === 'active'
  const held = record.copies.map((copy) => copy.peer)
  if (action.kind === 'copy') {
    const to = view.nodes.get(action.to)
    if (held.includes(action.to)) throw new Error('a copy for a holder')
    if (to?.draining !== false || to.member.state !== 'active' || !active(action.to))
      throw new Error('a copy for a node that takes none')
    if (to.member.freeBytes < record.sizeBytes) throw new Error('a copy for a node without room')
    if (action.sources.length === 0) throw new Error('a copy from nowhere')
    if (!action.sources.every((id) => held.includes(id) && active(id))) throw new Error('a bad source')
    return
  }
  const after = staying(view, without(record, action.peer))
  if (!held.includes(action.peer) || !active(action.peer)) throw new Error('a trim of what is not there')
  if (after.length < Math.min(COPIES, view.kept)) throw new Error('a trim that leaves too few')
  const tiers = new Set([...view.nodes.values()].map((node) => node.member.tier)).size
  // on two tiers a third copy may be on the host of the first; the second never is without need
  const hosts = tiers > 1 ? Math.min(2, hostsPossible(view, record)) : hostsPossible(view, record)
  if (hostsOf(after) < hosts) throw new Error('a trim that leaves fewer hosts than possible')
  if (hostsOf(after) < Math.min(2, hostsOf(holders(view, record))))
    throw new Error('a trim that leaves one machine')
  const kept = new Set(after.map((node) => node.member.peer))
  if (!action.keep.every((keeper) => kept.has(keeper.peer) && keeper.boot === 5)) {
    throw new Error('a keeper that is not sure')
  }
}

const without = (record: PlacedChunkRecord, id: PeerId): PlacedChunkRecord => ({
  ...record,
  copies: record.copies.filter((copy) => copy.peer !== id)
})

function apply(view: ClusterView, record: PlacedChunkRecord, action: Action): PlacedChunkRecord {
  if (action.kind === 'trim') return without(record, action.peer)
  const to = view.nodes.get(action.to)
  if (to === undefined) throw new Error('a copy for nobody')
  return { ...record, copies: [...record.copies, copyOn(to.member)] }
}

/** Carries out everything; answers the chunk when nothing is proposed any more. */
function settle(view: ClusterView, first: PlacedChunkRecord): PlacedChunkRecord {
  let record = first
  for (let step = 0; step < STEPS_MAX; step++) {
    const { action } = assess(record, view, policy)
    if (action === undefined) return record
    check(view, record, action)
    record = apply(view, record, action)
  }
  throw new Error('it goes in circles')
}

t.test('whatever the nodes do: no step is wrong, and the steps end', async (t) => {
  fc.assert(
    fc.property(cases(anyNode), (one) => {
      const { view, record } = setUp(one)
      settle(view, record)
    }),
    { numRuns: RUNS }
  )
  t.pass()
})

t.test('with nodes that all take chunks, a chunk ends with its copies, and nothing left to do', async (t) => {
  fc.assert(
    fc.property(cases(healthyNode), (one) => {
      const { view, record } = setUp(one)
      if (record.copies.length === 0) return
      const settled = settle(view, record)
      const { urgency } = assess(settled, view, policy)
      if (view.wanted > 0 && urgency !== 'none') throw new Error(`it stays ${urgency}`)
      const copies = staying(view, settled)
      if (copies.length < view.wanted) throw new Error('too few copies')
      // what the nodes that stay cannot hold as often as configured stays on those that are being emptied too
      const counted = view.kept > view.wanted ? copies : settled.copies
      // nor does a copy on another machine go when the nodes that stay are all on one
      const isAlone = hostsOf(copies) < Math.min(2, hostsOf(holders(view, settled)))
      if (view.wanted > 0 && !isAlone && counted.length > view.wanted) throw new Error('too many copies')
      const oneTier = new Set(one.nodes.map((node) => node.tier)).size === 1
      const hosts = hostsPossible(view, settled)
      if (hostsOf(copies) < (oneTier ? hosts : Math.min(2, hosts))) throw new Error('too few hosts')
    }),
    { numRuns: RUNS }
  )
  t.pass()
})

t.test('zones are spread over as far as there are any, on one tier', async (t) => {
  const hot = healthyNode.map((node): NodeCase => ({ ...node, tier: 'hot', state: 'active' }))
  fc.assert(
    fc.property(cases(hot), (one) => {
      const { view, record } = setUp(one)
      if (record.copies.length === 0) return
      const zones = (nodes: readonly NodeView[]): number =>
        new Set(nodes.map((node) => node.member.zone)).size
      const possible = Math.min(view.wanted, zones([...view.nodes.values()]))
      if (zones(staying(view, settle(view, record))) < possible) throw new Error('too few zones')
    }),
    { numRuns: RUNS }
  )
  t.pass()
})

t.test('what is cold ends on cold nodes, as far as there are any', async (t) => {
  fc.assert(
    fc.property(cases(healthyNode), (one) => {
      const old = { ...one, reads: { ageMs: policy.cold.afterMs + 1, reads: 0 } }
      // each on a host of its own: a second host comes before the tier
      const apart = old.nodes.slice(0, ZONES.length).map((node, host) => ({ ...node, host }))
      const { view, record } = setUp({ ...old, nodes: apart })
      if (record.copies.length === 0) return
      const cold = staying(view, settle(view, record)).filter((node) => node.member.tier === 'cold').length
      if (cold < Math.min(view.wanted, view.coldNodes)) throw new Error('too few on cold nodes')
    }),
    { numRuns: RUNS }
  )
  t.pass()
})

t.test('a chunk that somebody waits for gets a second sure copy wherever that is possible', async (t) => {
  fc.assert(
    fc.property(cases(anyNode), (one) => {
      const { view, record } = setUp(one)
      let now = record
      for (let step = 0; step < STEPS_MAX; step++) {
        const { action } = assess(now, view, policy, { urged: true })
        if (action === undefined) break
        check(view, now, action)
        now = apply(view, now, action)
      }
      const sure = now.copies.filter((copy) => {
        const node = view.nodes.get(copy.peer)
        return node?.member.liveness === 'active' && copy.boot === 5
      })
      const held = new Set(now.copies.map((copy) => copy.peer))
      const room = view.targets.some((node) => !held.has(node.peer) && node.freeBytes >= now.sizeBytes)
      const source = now.copies.some((copy) => view.nodes.get(copy.peer)?.member.liveness === 'active')
      if (sure.length < Math.min(2, view.wanted) && room && source) throw new Error('it waits for ever')
    }),
    { numRuns: RUNS }
  )
  t.pass()
})
