import { createHash } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { cleanPath } from '../../src/bundle/paths.ts'
import type { StoredEntry } from '../../src/client/entry-upload.ts'
import type { EntryUploadRequest } from '../../src/client/file-writer.ts'
import { ResumableWriter } from '../../src/client/resume/resumable-writer.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { MemoryChunkStore } from '../../src/node/store/memory-chunk-store.ts'
import { decodeManifest } from '../../src/protocol/manifest.ts'
import type { RequestOf, UserFileMessages } from '../../src/protocol/messages.ts'
import { newUploadSecret, uploadKeys } from '../../src/protocol/upload-secret.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { EntryId, UserId } from '../../src/types.ts'
import { addUser, userId } from '../conformance/account-fixture.ts'
import { FaultyChunkStore } from '../kit/faulty-chunk-store.ts'
import { until } from '../kit/until.ts'
import { MIB, bytesOf, collect, pieces, setUp } from './edge.ts'
import type { Edge } from './edge.ts'

const ann = { user: userId('ann'), role: 'user' as const }
const bob = { user: userId('bob'), role: 'user' as const }
const admin = { user: userId('root'), role: 'admin' as const }

type World = Edge & { stores: FaultyChunkStore[]; metadata: MemoryMetadataStore }

async function start(test: Test, nodes = 3): Promise<World> {
  const metadata = new MemoryMetadataStore()
  const stores = Array.from(
    { length: nodes },
    () => new FaultyChunkStore({ store: new MemoryChunkStore({ clock: systemClock }) })
  )
  const storeOf = (index: number) => stores[index] ?? new MemoryChunkStore({ clock: systemClock })
  const config = { account: { deleteGraceMs: 100 } }
  const edge = await setUp(test, { nodes, metadata, storeOf, config })
  await addUser(metadata, 'ann', { quotaBytes: 20 * MIB })
  await addUser(metadata, 'bob')
  await addUser(metadata, 'root', { role: 'admin' })
  return { ...edge, stores, metadata }
}

const entryUpload = (
  bytes: Uint8Array,
  path: string,
  user: UserId = ann.user,
  more: Partial<EntryUploadRequest> = {}
): EntryUploadRequest => ({
  name: 'typed.pdf',
  mediaType: 'application/pdf',
  source: pieces(bytes),
  limitBytes: 100 * MIB,
  declaredBytes: bytes.byteLength,
  owner: { user, path: cleanPath(path) },
  entry: () => ({ user, path: cleanPath(path) }),
  ...more
})

async function contentOf({ client, reader }: Edge, { entry, version }: StoredEntry): Promise<Buffer> {
  const opened = await client.controller.call('openContent', { actor: ann, id: entry, version })
  const { id, sizeBytes, chunkCount } = opened.file
  const range = { start: 0, end: sizeBytes }
  return await collect(reader.read({ file: id, sizeBytes, chunkCount, firstPage: opened.chunks, range }))
}

t.test('an upload of a user', async (t) => {
  const world = await start(t)
  const { writer, client } = world
  const { controller } = client

  await t.test('becomes a version, is in its manifest, and is told of when nothing is owed', async (t) => {
    const bytes = bytesOf(5 * MIB)
    const first = await writer.uploadEntry(
      entryUpload(bytes, 'Docs/report.pdf', ann.user, {
        metadata: { a: 'b' },
        entry: () => ({ user: ann.user, path: 'Docs/report.pdf', ttlMs: 3_600_000 })
      })
    )
    t.match(first, { version: 1, sizeBytes: bytes.length })
    t.ok((await contentOf(world, first)).equals(bytes))
    const second = await writer.uploadEntry(entryUpload(bytesOf(1000, 2), 'docs/REPORT.pdf'))
    t.match(second, { entry: first.entry, version: 2 })
    const { entry, version } = await controller.call('getEntry', { actor: ann, id: first.entry, version: 1 })
    t.match(entry, { path: 'Docs/report.pdf', current: { number: 2, mediaType: 'application/pdf' } })
    t.match(version, { number: 1, metadata: { a: 'b' }, attempts: 1 })
    const file = await world.metadata.getFile(second.file)
    const stored = await world.cluster.node(0).store.get(file?.manifest ?? ('' as never))
    const manifest = decodeManifest(stored, world.cluster.clusterKey)
    const { expiresAt } = entry
    t.match(manifest, {
      name: 'REPORT.pdf',
      entry: { id: first.entry, user: ann.user, path: 'docs/REPORT.pdf', version: 2, expiresAt }
    })
    t.notOk('link' in manifest)
    t.equal(expiresAt, version.uploadedAt + 3_600_000, 'the second says nothing of it')
    await until('nothing is owed', async () => {
      const { versions } = await controller.call('listVersions', { actor: ann, id: first.entry, limit: 9 })
      return versions.every(({ status }) => status === 'uploaded_successfully')
    })
  })

  await t.test('fits into the user’s space, or is refused before its bytes are sent', async (t) => {
    const { usedBytes, quotaBytes } = await controller.call('spaceOf', { actor: ann, user: ann.user })
    t.equal(quotaBytes, 20 * MIB)
    t.equal(usedBytes, 5 * MIB + 1000)
    const large = entryUpload(bytesOf(1), 'large', ann.user, { declaredBytes: 16 * MIB })
    await t.rejects(writer.uploadEntry(large), { code: 'quota-exceeded' })
    t.ok(await writer.uploadEntry(entryUpload(bytesOf(10), 'large', bob.user)), 'others have their own')
    t.match(await controller.call('spaceOf', { actor: admin, user: admin.user }), { quotaBytes: null })
  })

  await t.test('has nowhere to go where a folder is', async (t) => {
    await t.rejects(writer.uploadEntry(entryUpload(bytesOf(10), 'Docs')), { code: 'path-conflict' })
    const path = 'Docs/report.pdf'
    const onlyNew = { entry: () => ({ user: ann.user, path, onlyNew: true }) }
    await t.rejects(writer.uploadEntry(entryUpload(bytesOf(10), path, ann.user, onlyNew)), {
      code: 'path-taken'
    })
    await writer.settled()
    const { entry } = await controller.call('findEntry', { actor: ann, owner: ann.user, path })
    t.equal(entry?.failed, null, 'the user was told, so that nothing is recorded')
  })

  await t.test('comes in parts, and its answer can be asked for again', async (t) => {
    const { cluster, chunks, memory, reader } = world
    const { clock, random, logger, config, clusterKey } = cluster
    const deps = { chunks, controller, memory, clock, random, config, clusterKey, logger, reader }
    const resumable = new ResumableWriter(deps)
    const bytes = bytesOf(5 * MIB, 7)
    const keys = uploadKeys(newUploadSecret(random))
    const plan = {
      lengthBytes: bytes.length,
      downloads: 1,
      ttlMs: 1,
      indexBytes: 0,
      encryption: null,
      entry: { user: ann.user, path: 'parts/x.bin', metadata: { from: 'tus' } }
    }
    const file = { keys, name: 'x.bin', mediaType: 'a/b', plan }
    const { signal } = new AbortController()
    await resumable.open(file, { plan: JSON.stringify(plan), role: 'anonymous', signal })
    const half = { offset: 0, source: pieces(bytes.subarray(0, 3 * MIB)), signal }
    await resumable.append(file, half).catch(() => undefined) // its source ends before the file does
    const { found } = await resumable.find(keys, signal)
    if (found?.state !== 'open') return t.fail('it is open')
    const rest = { offset: found.sizeBytes, source: pieces(bytes.subarray(found.sizeBytes)), signal }
    const { ended } = await resumable.append(file, rest)
    const { stored } = ended ?? {}
    if (stored === undefined) return t.fail('it has become a file')
    t.match(stored, { entry: keys.entry, version: 1, file: keys.file, sizeBytes: bytes.length })
    t.ok((await contentOf(world, stored)).equals(bytes))
    const { sha256, ...known } = stored
    t.equal(sha256, createHash('sha256').update(bytes).digest('hex'))
    t.strictSame(await resumable.end(file, signal), { stored: known })
    const again = await resumable.find(keys, signal)
    if (again.found?.state !== 'committed') return t.fail('it is committed')
    t.strictSame(await resumable.ended(keys, again.found, signal), { stored: known })
    await resumable.abandon(keys, signal)
    const { entry } = await controller.call('getEntry', { actor: ann, id: stored.entry })
    t.match(entry, { path: 'parts/x.bin', current: { metadata: { from: 'tus' } } }, 'a file stays')
  })

  await t.test('is told as failed when the cluster did not take it in', async (t) => {
    for (const store of world.stores)
      store.before = (operation) => {
        if (operation === 'put') throw new Error('no')
      }
    await t.rejects(writer.uploadEntry(entryUpload(bytesOf(100, 9), 'failed.bin')))
    await writer.settled()
    for (const store of world.stores) store.heal()
    const { entry } = await controller.call('findEntry', { actor: ann, owner: ann.user, path: 'failed.bin' })
    t.match(entry, { current: { status: 'upload_failed', sizeBytes: 0 } })
    t.ok((entry?.current.attempts ?? 0) >= 1)
    t.type(entry?.current.code, 'string')
    await t.rejects(controller.call('openContent', { actor: ann, id: entry?.id ?? ('' as never) }), {
      code: 'upload-failed'
    })
  })
})

t.test('nothing is owed to a node that is being emptied', async (t) => {
  const { writer, client, cluster } = await start(t)
  const { controller } = client
  const operator = await cluster.client('admin')
  await operator.controller.call('drainNode', { peer: cluster.node(2).peer, draining: true })
  const { entry: id } = await writer.uploadEntry(entryUpload(bytesOf(100), 'x'))
  await until('nothing is owed', async () => {
    const { version } = await controller.call('getEntry', { actor: ann, id })
    return version.status === 'uploaded_successfully'
  })
})

t.test('nobody reaches the files of others, except administrators', async (t) => {
  const { writer, client } = await start(t)
  const { controller } = client
  const { entry: id } = await writer.uploadEntry(entryUpload(bytesOf(100), 'x/y'))
  const link = {
    tokenHash: 'ab'.repeat(32) as never,
    deleteHash: 'cd'.repeat(32) as never,
    downloads: 1,
    expiresAt: Date.now() + 100_000
  }
  type Messages = { [K in keyof UserFileMessages]: Omit<RequestOf<UserFileMessages, K>, 'actor'> }
  const messages: Messages = {
    getEntry: { id },
    findEntry: { owner: ann.user, path: 'x/y' },
    listEntries: { owner: ann.user, recursive: true, sort: 'name', order: 'ascending', limit: 10 },
    listFolders: { owner: ann.user, limit: 10 },
    listVersions: { id, limit: 10 },
    moveEntry: { id, path: 'x/z' },
    moveFolder: { owner: ann.user, from: 'x', to: 'X' },
    changeEntry: { id, metadata: {} },
    restoreVersion: { id, version: 1 },
    openContent: { id },
    shareEntry: { id, link },
    listShares: { id, limit: 10 },
    revokeShare: { id, share: 'ab'.repeat(8) },
    spaceOf: { user: ann.user },
    spaceOfAll: {},
    pruneVersions: { id, keep: 1 },
    deleteVersion: { id, version: 1 },
    deleteFolder: { owner: ann.user, folder: 'x', limit: 1 },
    deleteEntry: { id }
  }
  const never = '00000000-0000-4000-8000-000000000000' as EntryId
  const send = async (op: keyof UserFileMessages, message: object) =>
    await controller.call(op, message as never)
  const ops = Object.keys(messages) as Array<keyof UserFileMessages>
  for (const op of ops) {
    await t.rejects(
      send(op, { ...messages[op], actor: bob }),
      { code: 'permission-denied' },
      `${op} of another`
    )
    if ('id' in messages[op])
      await t.rejects(send(op, { ...messages[op], id: never, actor: bob }), { code: 'file-unknown' }, op)
  }
  const everybody = { recursive: true, sort: 'date' as const, order: 'descending' as const, limit: 10 }
  await t.rejects(send('listEntries', { ...everybody, actor: ann }), { code: 'permission-denied' })
  t.match(await send('listEntries', { ...everybody, actor: admin }), { entries: [{ id }], next: null })
  for (const op of ops.filter((each) => each !== 'deleteVersion'))
    t.ok(await send(op, { ...messages[op], actor: admin }), `${op} by an administrator`)
  t.match(await send('deleteEntry', { id, actor: ann }), { deleted: false }, 'a repeat')
  await t.rejects(send('deleteEntry', { id, actor: bob }), { code: 'permission-denied' })
  await t.rejects(send('getEntry', { id, actor: ann }), { code: 'file-unknown' })
})

t.test('a share is redeemed as any link, and ends with its file', async (t) => {
  const { writer, client, metadata } = await start(t)
  const { controller } = client
  const bytes = bytesOf(100)
  const { entry: id, file } = await writer.uploadEntry(entryUpload(bytes, 'x'))
  const link = (n: number) => ({
    tokenHash: `${n}a`.repeat(32) as never,
    deleteHash: `${n}b`.repeat(32) as never,
    downloads: 1,
    expiresAt: Date.now() + 100_000
  })
  const made = await controller.call('shareEntry', { actor: ann, id, link: link(1) })
  t.match(made, { version: 1, file: { id: file }, link: { state: 'live' } })
  await controller.call('shareEntry', { actor: ann, id, link: link(2) })
  const claimHash = 'ff'.repeat(32) as never
  t.match(await controller.call('claimLink', { tokenHash: link(1).tokenHash, claimHash }), {
    outcome: 'claimed'
  })
  const share = '1a'.repeat(8)
  t.match(await controller.call('revokeShare', { actor: ann, id, share }), { link: { state: 'revoked' } })
  await t.rejects(controller.call('revokeShare', { actor: ann, id, share: '0'.repeat(16) }), {
    code: 'share-unknown'
  })
  await controller.call('deleteEntry', { actor: ann, id })
  const found = await controller.call('findLink', { tokenHash: link(2).tokenHash })
  t.match(found, { found: { link: { state: 'revoked' } } })
  t.equal(await metadata.usedSpace(`user:${ann.user}`), 0)
  await until('its bytes are gone', async () => (await controller.call('status', {})).chunks === 0)
})
