import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { SETTINGS } from '../../../src/controller/settings.ts'
import { MemoryMetadataStore } from '../../../src/metadata/memory-metadata-store.ts'
import { SqliteMetadataStore } from '../../../src/metadata/sqlite-metadata-store.ts'
import type { MetadataStore } from '../../../src/metadata-store.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import type { EntryId, Generation, SecretHash, Term, UserId } from '../../../src/types.ts'
import { addKey, addUser, holding, signIn } from '../../conformance/account-fixture.ts'
import { node } from '../../conformance/metadata-fixture.ts'
import type { PlacedFile } from './renewal-world.ts'
import { NOW, RenewalWorld, secretHash } from './renewal-world.ts'
import { testFolder } from '../../kit/test-folder.ts'

async function start(t: Test, nodes = 1): Promise<RenewalWorld> {
  const world = new RenewalWorld(t)
  await world.start(nodes)
  return world
}

async function memoryStore(): Promise<MetadataStore> {
  const store = new MemoryMetadataStore()
  await store.open()
  return store
}

const stateOf = async (store: MetadataStore, { manifest }: PlacedFile): Promise<string | undefined> =>
  (await store.findLink(manifest.link.tokenHash))?.link.state

const nothing = (): {
  claimed: Set<SecretHash>
  revoked: Map<SecretHash, SecretHash>
  unreadable: number
} => ({
  claimed: new Set(),
  revoked: new Map(),
  unreadable: 0
})

t.test('a file that a first recovery did not find comes back suspended from a second one', async (t) => {
  const world = await start(t)
  const store = await memoryStore()
  const found = await world.place('found', 90)
  await world.renew(store)
  t.equal(await stateOf(store, found), 'live')
  // a node that was absent comes back; nobody read its notes, and the controller before has given out a little more than was known
  const late = await world.place('late', 170)
  const generation = (await store.lastGeneration()) as number
  t.ok(generation > 170)
  const since = await world.place('since', generation + 1)
  await world.renew(store, { generation: (generation + 1) as Generation })
  t.equal(await stateOf(store, late), 'suspended')
  t.equal(await stateOf(store, since), 'live', 'stored by the controller that was recovered')
  t.equal(await stateOf(store, found), 'live', 'what is known goes by what is known')
})

t.test('a link that was taken back stays so when its file is found only by a later recovery', async (t) => {
  for (const store of [
    await memoryStore(),
    new SqliteMetadataStore({ file: `${testFolder(t)}/m.db`, operationsWaitingMax: 64, logger: silentLogger })
  ]) {
    await store.open()
    const world = await start(t)
    const absent = await world.place('absent', 50, [])
    const other = await world.place('other', 50, [])
    const { tokenHash, deleteHash } = absent.manifest.link
    const touched = nothing()
    touched.revoked.set(tokenHash, deleteHash)
    touched.revoked.set(other.manifest.link.tokenHash, secretHash()) // with another secret than the file's
    t.match(await world.renew(store, { touched }), { revoked: 0, found: { adopted: 0 } })
    await world.placeAgain(absent)
    await world.placeAgain(other)
    t.match(await world.renew(store), { found: { adopted: 2 } }, 'its note is forgotten by now')
    t.equal(await stateOf(store, absent), 'revoked')
    t.equal(await stateOf(store, other), 'suspended')
    await store.close()
  }
})

t.test('links that were taken back and are not known are remembered within bounds', async (t) => {
  const world = await start(t)
  const store = await memoryStore()
  const touched = nothing()
  for (let i = 0; i < 1100; i++) touched.revoked.set(secretHash(), secretHash())
  await world.renew(store, { touched })
  const kept = JSON.parse((await store.readSetting('recovery.revoked')) ?? '[]') as unknown[]
  t.same(kept, [...touched.revoked].slice(-1024))
  await store.writeSetting('recovery.revoked', 'damaged')
  await store.writeSetting('recovery.generation', 'damaged')
  const file = await world.place('x', 2 ** 40)
  await world.renew(store)
  t.equal(await stateOf(store, file), 'suspended', 'what cannot be read is not taken for nothing')
  t.equal(await store.readSetting('recovery.revoked'), null)
})

t.test('a sweep that was approved before is not approved any more', async (t) => {
  const world = await start(t)
  const store = await memoryStore()
  const [here] = world.nodes.map(({ peer }) => peer)
  if (here === undefined) return t.fail('there is a node')
  const absent = node(1)
  await store.recordNodes([absent])
  const keys = [here, absent.peer].map((peer) => SETTINGS.sweepApproved(peer))
  for (const key of keys) await store.writeSetting(key, '100000')
  await world.renew(store)
  for (const key of keys) t.equal(await store.readSetting(key), null)
  t.equal(await store.readSetting(SETTINGS.frozen), 'recovered')
})

t.test(
  'an extended link is as the snapshot says, and as its manifest says where there is none',
  async (t) => {
    const world = await start(t)
    const store = await memoryStore()
    const file = await world.place('extended', 90)
    await world.renew(store)
    const { deleteHash, tokenHash, expiresAt: first } = file.manifest.link
    const expiresAt = first + 3_600_000
    await store.extendLink({ deleteHash, expiresAt, ttlMaxMs: 86_400_000, now: NOW })
    await world.renew(store, { now: first + 1 })
    t.match(await store.findLink(tokenHash), { link: { state: 'live', expiresAt } })
    const empty = await memoryStore()
    await world.renew(empty)
    t.match(await empty.findLink(tokenHash), { link: { state: 'live', expiresAt: first } }, 'never longer')
    const late = await memoryStore()
    t.match(await world.renew(late, { now: first + 1 }), { found: { adopted: 0, expired: 1 } })
  }
)

t.test(
  'everybody is signed out, and accounts, passwords and API keys are as the snapshot says',
  async (t) => {
    const world = await start(t)
    const store = await memoryStore()
    await addUser(store, 'a')
    // more than one step ends; each could have been ended after the snapshot
    const names = Array.from({ length: 300 }, (_, i) => `session ${i}`)
    const ends = { createdAt: NOW, expiresAt: NOW + 1000, sessionsMax: 1000 }
    for (const name of names) await signIn(store, 'a', name, ends)
    await addKey(store, 'a', 'key')
    await world.renew(store)
    t.strictSame(await holding(store, [...names, 'key'], NOW), ['key'])
    t.ok(await signIn(store, 'a', 'again', ends))
  }
)

t.test('files of users are found by their manifests, but not those that a node was to delete', async (t) => {
  const world = await start(t)
  const store = await memoryStore()
  const user = randomUUID() as UserId
  const entry = (version: number, path = 'x/y.txt') => ({
    id: '00000000-0000-4000-8000-000000000009' as EntryId,
    user,
    path,
    version,
    expiresAt: null
  })
  const second = await world.place('second', 50, world.nodes, entry(2))
  await world.place('first', 50, world.nodes, entry(1))
  await world.place('over', 50, world.nodes, {
    ...entry(1, 'z'),
    id: randomUUID() as EntryId,
    expiresAt: NOW - 1
  })
  const deleted = await world.place('deleted', 50, world.nodes, {
    ...entry(1, 'q'),
    id: randomUUID() as EntryId
  })
  const [node] = world.nodes
  if (node === undefined) return t.fail('there is a node')
  const receipt = {
    peer: node.peer,
    host: node.host,
    chunk: deleted.chunk,
    generation: 50 as Generation,
    boot: 1
  }
  await store.raiseCounters({ term: 0 as Term, generation: 60 as Generation })
  await store.recordReceipts([receipt]) // of a chunk that nothing refers to: it is to be deleted
  t.match(await world.renew(store), { found: { adopted: 2, expired: 2 } })
  const { entry: found } = await store.findEntry(user, 'X/Y.txt')
  t.match(found, { current: { number: 2, file: second.manifest.id, status: 'cached' } })
  t.equal((await store.listVersions(entry(1).id, undefined, 9)).length, 2)
  for (const path of ['q', 'z']) t.match(await store.findEntry(user, path), { entry: undefined })
  t.match(await world.renew(store), { found: { adopted: 0 } }, 'running it again adopts nothing twice')
})

t.test('events that were told of what is lost are never taken for those that come after', async (t) => {
  const world = await start(t)
  const store = await memoryStore()
  await store.renewEventsEpoch('before')
  await world.renew(store)
  const epoch = await store.eventsEpoch()
  t.match(epoch, /^[0-9a-f]{10}$/)
  await world.renew(store)
  t.not(await store.eventsEpoch(), epoch)
})
