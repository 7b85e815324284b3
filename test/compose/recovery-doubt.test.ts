import t from 'tap'
import { absentNodes, doubtOf, isFollowed } from '../../src/compose/recovery-doubt.ts'
import type { Findings } from '../../src/compose/recovery-doubt.ts'
import type { FoundNode } from '../../src/controller/recovery/nodes.ts'
import type { NodeRecord } from '../../src/metadata-store.ts'
import type { Generation, PeerId, Term } from '../../src/types.ts'

const NOW = 10_000_000
const FACTS = { now: NOW, intervalMs: 2000 }
const peer = (name: string): PeerId => name as PeerId
const node = (name: string, controllerHeardMsAgo: number | null, host = name): FoundNode => ({
  peer: peer(name),
  host,
  chunks: 1,
  term: 1 as Term,
  generation: 1 as Generation,
  controllerHeardMsAgo
})
const NOBODY = { all: [], witnesses: [] }
const applied = { term: 1, base: 1, changes: 1 }
const findings = (over: Partial<Findings>): Findings => ({
  nodes: [node('a', 70_000), node('b', 70_000), node('c', 70_000)],
  silent: [],
  source: { applied, takenAt: NOW - 71_000, suspendAll: null },
  absent: NOBODY,
  ...over
})

t.test('links are trusted when all nodes are there that may know of a redemption', async (t) => {
  t.equal(doubtOf(findings({}), FACTS), null)
  const restarted = [node('a', null), node('b', null)]
  t.equal(doubtOf(findings({ nodes: restarted }), FACTS), null, 'all of them tell what they keep')
  const absent = { all: [peer('on-its-machine')], witnesses: [] }
  t.equal(doubtOf(findings({ absent }), FACTS), null, 'one that was lost with the controller')
})

t.test('they are not when a node may know more than those that were found', async (t) => {
  const one = { all: [peer('d')], witnesses: [peer('d')] }
  const doubts: Array<[RegExp, Partial<Findings>]> = [
    [/node c does not tell/, { silent: [peer('c')] }],
    // however many others heard a controller, and for how long: it may have gone on with the one that is absent
    [/node d was there/, { absent: one }],
    [/older than the last sign of life/, { source: { applied, takenAt: NOW - 200_000, suspendAll: null } }]
  ]
  for (const [why, over] of doubts) t.match(doubtOf(findings(over), FACTS), why)
})

const record = (name: string, lastSeenAt: number, host = name): NodeRecord => ({
  peer: peer(name),
  addresses: [],
  host,
  zone: '',
  tier: 'hot',
  capacityBytes: 0,
  freeBytes: 0,
  usedBytes: 0,
  chunks: 0,
  state: 'active',
  version: '1',
  boot: 1,
  sequence: 1,
  lastSeenAt
})
const takenAt = NOW - 71_000

t.test('a node that was gone long before the snapshot, or was retired, is not missed', async (t) => {
  const nodes = [
    record('a', takenAt),
    record('absent', takenAt - 60_000),
    record('retired', takenAt),
    record('dead', takenAt - 3_600_000)
  ]
  t.same(absentNodes({ nodes, retired: new Set([peer('retired')]), host: null, takenAt }, [node('a', 1)]), {
    all: ['absent'],
    witnesses: ['absent']
  })
})

t.test(
  "a node on the controller's own machine is lost with it, and knew nothing that others do not",
  async (t) => {
    const nodes = [record('near', takenAt, 'c'), record('a', takenAt), record('b', takenAt)]
    const records = { nodes, retired: new Set<PeerId>(), host: 'c', takenAt }
    t.same(absentNodes(records, [node('a', 1), node('b', 1)]), { all: ['near'], witnesses: [] })
    t.same(absentNodes(records, [node('b', 1)]), { all: ['near', 'a'], witnesses: ['a'] })
    const unknown = { ...records, host: null }
    t.same(
      absentNodes(unknown, [node('a', 1), node('b', 1)]).witnesses,
      ['near'],
      'nobody knows which it was'
    )
  }
)

t.test('where all nodes are on one machine they count, since there are no others', async (t) => {
  const nodes = [record('a', takenAt, 'c'), record('b', takenAt, 'c'), record('gone', takenAt - 3_600_000)]
  const records = { nodes, retired: new Set<PeerId>(), host: 'c', takenAt }
  t.same(absentNodes(records, [node('a', 1, 'c')]), { all: ['b'], witnesses: ['b'] })
})

t.test('one that led after the snapshot may have been on another machine', async (t) => {
  const nodes = [node('a', 1)] // has heard of term 1
  t.notOk(isFollowed(1, { shipped: 1, nodes }))
  t.ok(isFollowed(1, { shipped: 2, nodes }), 'it has left something')
  t.ok(isFollowed(0, { shipped: 0, nodes }), 'a node has heard of it')
  const heard = [{ term: (2 ** 20) as Term }]
  t.notOk(isFollowed(1, { shipped: 1, nodes: heard }), 'a recovery that did not end')
  t.ok(isFollowed(1, { shipped: 2 ** 20 + 1, nodes: heard }), 'one that did')
})
