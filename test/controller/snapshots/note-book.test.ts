import { createHash } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { NoteBook } from '../../../src/controller/snapshots/note-book.ts'
import type { Touched } from '../../../src/controller/snapshots/note-book.ts'
import { openNote } from '../../../src/controller/snapshots/note-content.ts'
import type { NoteContent } from '../../../src/controller/snapshots/note-content.ts'
import type { PeerId, SecretHash } from '../../../src/types.ts'
import { until } from '../../kit/until.ts'
import { SnapshotWorld } from './snapshot-world.ts'
import type { WorldNode } from './snapshot-world.ts'

const signal = new AbortController().signal
const hashOf = (text: string): SecretHash => createHash('sha256').update(text).digest('hex') as SecretHash
const claim = (name: string, claimedAt = 100): Touched & { what: 'claimed' } => ({
  what: 'claimed',
  tokenHash: hashOf(name),
  claimHash: hashOf(`claim of ${name}`),
  claimedAt
})

async function start(t: Test, machines: string[], config: object = {}) {
  const world = new SnapshotWorld({ snapshot: { noteTimeoutMs: 20_000, ...config } })
  t.teardown(() => world.stop())
  for (const machine of machines) await world.addNode(machine)
  const parts = await world.addController('own')
  const shipped = { next: { base: 3, changes: 8 }, peers: [] as PeerId[], coveredUntil: 0 }
  const notes = new NoteBook({ ...parts, shipped })
  t.teardown(() => notes.stop())
  const on = async (node: WorldNode | undefined): Promise<NoteContent[]> => {
    const found: NoteContent[] = []
    for (const { sizeBytes: _size, ...name } of (await node?.snapshots.list()) ?? []) {
      const bytes = (await node?.snapshots.get(name)) ?? new Uint8Array(0)
      found.push(openNote({ name, bytes }, parts.secret))
    }
    return found
  }
  return { world, parts, notes, shipped, on }
}

/** Whether a promise has settled after what is under way had its time. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  promise.then(
    () => (settled = true),
    () => (settled = true)
  )
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 5))
  return !settled
}

const heldBy = (nodes: readonly WorldNode[]): number => nodes.filter((node) => node.snapshots.held > 0).length

t.test(
  'two nodes have a note before it counts as taken, and it says which changes will cover it',
  async (t) => {
    const { world, notes, on } = await start(t, ['a', 'b', 'c'])
    for (const node of world.nodes) node.snapshots.shut()
    const noting = notes.note(claim('one'))
    await until('as many as are needed are asked', () => heldBy(world.nodes) >= 2)
    const [first, second] = world.nodes.filter((node) => node.snapshots.held > 0)
    first?.snapshots.letThrough()
    t.ok(await isPending(noting), 'one of them may be lost')
    second?.snapshots.letThrough()
    await noting
    for (const node of [first, second])
      t.same(await on(node), [{ coveredBy: 8, links: [{ what: 'claimed', tokenHash: hashOf('one') }] }])
    for (const node of world.nodes) node.snapshots.letThrough()
  }
)

t.test('a node that hangs is made up for by another, or not waited for in the end', async (t) => {
  const { world, notes } = await start(t, ['a', 'b', 'c'], { noteTimeoutMs: 2000 })
  for (const node of world.nodes) node.snapshots.shut()
  const noting = notes.note(claim('one'))
  await until('the third is asked as well', () => heldBy(world.nodes) === 3)
  for (const node of world.nodes.slice(0, 2)) node.snapshots.letThrough()
  await noting
  world.nodes[1]?.snapshots.shut()
  const alone = notes.note(claim('two'))
  await alone
  t.equal(heldBy(world.nodes), 2, 'two of three hang')
  for (const node of world.nodes) node.snapshots.letThrough()
})

t.test('a node on the controller’s own machine is not enough, if there is another machine', async (t) => {
  const { world, notes } = await start(t, ['own', 'own', 'b'])
  world.nodes[2]?.snapshots.shut()
  const noting = notes.note(claim('one'))
  await until('the other machine is asked', () => world.nodes[2]?.snapshots.held === 1)
  t.ok(await isPending(noting), 'its own machine has it by now')
  world.nodes[2]?.snapshots.letThrough()
  await noting

  const single = await start(t, ['own', 'own'])
  await single.notes.note(claim('one'))
  t.pass('any node will do when there is one machine only')
})

t.test('when the first nodes fail the next ones are asked; when all do, it can be said again', async (t) => {
  const { world, notes, on } = await start(t, ['a', 'b', 'c', 'd', 'e'], { nodes: 2 })
  for (const node of world.nodes) node.snapshots.failing = true
  await t.rejects(notes.note(claim('one')), { code: 'copies-missing', retryAfterMs: 1000 })
  const [last] = world.nodes
  if (last !== undefined) last.snapshots.failing = false
  await notes.note(claim('one'))
  t.equal((await on(last)).length, 1, 'whichever node it was')
})

t.test('nobody waits longer than the limit, and a later answer still counts', async (t) => {
  const { world, notes } = await start(t, ['a', 'b'], { noteTimeoutMs: 100 })
  for (const node of world.nodes) node.snapshots.shut()
  await t.rejects(notes.note(claim('one')), { code: 'copies-missing' })
  for (const node of world.nodes) node.snapshots.letThrough()
  await notes.note(claim('one'))
})

t.test('those that come together go together, and what is noted or shipped is not noted again', async (t) => {
  const { world, notes, on, shipped } = await start(t, ['a', 'b'])
  const links = async (): Promise<string[]> =>
    (await on(world.nodes[0])).flatMap((note) => note.links.map((link) => link.tokenHash))
  await Promise.all(Array.from({ length: 300 }, (_, index) => notes.note(claim(`link ${index}`))))
  await until('this node has them too', async () => new Set(await links()).size === 300)
  const pieces = await on(world.nodes[0])
  t.ok(pieces.length < 30, `${pieces.length} pieces for 300 links`)
  await notes.note(claim('link 7'))
  shipped.coveredUntil = 500
  await notes.note(claim('old', 499))
  await notes.note(claim('new', 500))
  await until('what no node has is noted', async () => (await links()).includes(hashOf('new')))
  t.equal((await links()).length, 301, 'and nothing else')
  await notes.note({ what: 'revoked', tokenHash: hashOf('new'), deleteHash: hashOf('secret') })
  await until('so is a link that is taken back', async () => (await links()).length === 302)
  t.same((await on(world.nodes[0])).at(-1)?.links, [
    { what: 'revoked', tokenHash: hashOf('new'), deleteHash: hashOf('secret') }
  ])
})

t.test('a note goes when all nodes have what covers it, and not before', async (t) => {
  const { world, notes, on, shipped } = await start(t, ['a', 'b'])
  await notes.note(claim('one'))
  shipped.next = { base: 3, changes: 9 }
  await notes.note(claim('two'))
  const all = async (): Promise<number[]> =>
    await Promise.all(world.nodes.map(async (node) => (await on(node)).length))
  await until('every node has both', async () => (await all()).every((count) => count === 2))
  await notes.covered({ base: 3, changes: 7 }, signal)
  t.same(await all(), [2, 2])
  await notes.covered({ base: 3, changes: 8 }, signal)
  t.same(await all(), [1, 1])
  await notes.covered({ base: 4, changes: 0 }, signal)
  t.same(await all(), [0, 0])
})

t.test('who is overtaken, or stops, takes no notes', async (t) => {
  const { parts, notes, world } = await start(t, ['a'])
  world.nodes[0]?.snapshots.shut()
  const noting = notes.note(claim('one'))
  await until('it is on its way', () => world.nodes[0]?.snapshots.held === 1)
  const waiting = t.rejects(noting)
  await notes.stop()
  await waiting
  await t.rejects(notes.note(claim('two')), { code: 'shutting-down' })
  const other = new NoteBook({
    ...parts,
    shipped: { next: { base: 1, changes: 1 }, peers: [], coveredUntil: 0 }
  })
  parts.leadership.lose('as it happens')
  await t.rejects(other.note(claim('three')), { code: 'no-controller' })
  await other.stop()
})
