import t from 'tap'
import { absentWitnesses, doubtOf } from '../../src/compose/recovery-doubt.ts'
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
const applied = { term: 1, base: 1, changes: 1 }
const findings = (over: Partial<Findings>): Findings => ({
  nodes: [node('a', 70_000), node('b', 70_000), node('c', 70_000)],
  silent: [],
  source: { applied, takenAt: NOW - 71_000, suspendAll: null },
  absent: [],
  ...over
})

t.test(
  'links are trusted when all nodes are there, or one is absent and two others were there to the end',
  async (t) => {
    t.equal(doubtOf(findings({}), FACTS), null)
    t.equal(doubtOf(findings({ absent: [peer('d')] }), FACTS), null)
    const restarted = [node('a', null), node('b', null)]
    t.equal(doubtOf(findings({ nodes: restarted }), FACTS), null, 'all of them tell what they keep')
  }
)

t.test('they are not when a node may know more than those that were found', async (t) => {
  const doubts: Array<[RegExp, Partial<Findings>]> = [
    [/does not tell/, { silent: [peer('c')] }],
    [/2 nodes that were there/, { absent: [peer('d'), peer('e')] }],
    [/too few others/, { absent: [peer('d')], nodes: [node('a', 70_000), node('b', null)] }],
    [/too few others/, { absent: [peer('d')], nodes: [node('a', 70_000, 'x'), node('b', 70_000, 'x')] }],
    [/older than the last sign of life/, { source: { applied, takenAt: NOW - 200_000, suspendAll: null } }]
  ]
  for (const [why, over] of doubts) t.match(doubtOf(findings(over), FACTS), why)
})

t.test('a node that was gone long before the snapshot, or was retired, is not missed', async (t) => {
  const record = (name: string, lastSeenAt: number): NodeRecord => ({
    peer: peer(name),
    addresses: [],
    host: name,
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
  const recorded = [
    record('a', takenAt),
    record('absent', takenAt - 60_000),
    record('retired', takenAt),
    record('dead', takenAt - 3_600_000)
  ]
  t.same(absentWitnesses(recorded, new Set([peer('retired')]), [node('a', 1)], takenAt), ['absent'])
})
