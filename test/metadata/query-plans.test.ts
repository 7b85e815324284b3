/** The operations are many rows apart from each other in speed when an index is missed; SQLite says which it uses. */

import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import t from 'tap'
import { SQLITE_DDL, migrate } from '../../src/metadata/migrations.ts'
import type { Schema } from '../../src/metadata/schema.ts'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import { nodeSqliteDialect } from '../../src/metadata/sqlite/dialect.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { userStream } from '../../src/events.ts'
import type { Term } from '../../src/types.ts'
import type { CourierId } from '../../src/webhooks.ts'
import {
  addKey,
  invite,
  inviteId,
  keyHash,
  newUser,
  sessionId,
  signIn,
  userId
} from '../conformance/account-fixture.ts'
import { entryOf, historyRecord, userOf } from '../conformance/metadata-history.ts'
import {
  BOOTS,
  EXPIRY,
  LEASE_MS,
  START,
  addFile,
  chunk,
  claim,
  claimWith,
  collectAll,
  fileId,
  find,
  generation,
  hash,
  node,
  openUpload,
  passwordOf,
  peer,
  prepareFile,
  release,
  report,
  revoke,
  settleAll,
  tokenOf,
  uploadId,
  writerOf
} from '../conformance/metadata-fixture.ts'
import { hookId as webhookIdOf } from '../conformance/metadata-webhooks.ts'
import { ENTRY_SORTS } from '../../src/metadata-entries.ts'
import { addBlock, addFromBlocks, ownedBlocks } from '../conformance/block-fixture.ts'
import { ANN, addEntry, entryId, prepareEntry, settleEntries, shareOf } from '../conformance/entry-fixture.ts'
import { deletePool, looksNear, workOnGroups } from './pool-statements.ts'

/** What came with inventories, repair and recovery. */
async function keepEverything(store: SqliteMetadataStore): Promise<void> {
  const file = await addFile(store, 'kept', { peers: [1, 2, 3] })
  const chunks = await store.listChunks(undefined, 10)
  await store.listChunks(chunks[0]?.chunk, 10)
  for (const { chunk: id, generation, copies } of chunks) {
    const keep = copies.slice(1).map(({ peer: each, boot }) => ({ peer: each, boot }))
    await store.findChunk(id)
    await store.trimCopy({ chunk: id, generation, peer: peer(1), keep })
    await store.dropCopy({ chunk: id, generation, peer: peer(3), boot: 1 })
  }
  await store.noteReads([file.manifest], { now: EXPIRY, windowMs: 10, stepMs: 1 })
  await store.knownChunks([file.manifest])
  await prepareFile(store, 'lacking')
  await store.listLacking(uploadId('lacking'), { copiesMin: 3, hostsMin: 3, boots: BOOTS }, 10)
  const [summary] = await store
    .summarizeCopies(peer(2), 0, 255)
    .then((all) => all.filter((each) => each.count > 0))
  const prefix = (await store.summarizeCopies(peer(2), 0, 255)).findIndex((each) => each.count > 0)
  await store.confirmCopies({
    peer: peer(2),
    host: 'host-2',
    boot: 9,
    prefix,
    digest: summary?.digest ?? ''
  })
  await store.listCopies(peer(2), undefined, 10)
  await store.listCopies(peer(2), file.manifest, 10)
  const held = [...chunks.map(({ chunk: id, generation }) => ({ chunk: id, generation })), stray]
  for (const inventory of [1, 2]) {
    await store.reconcileHeld({ peer: peer(2), host: 'host-2', boot: 9, inventory, held })
    await store.countUnknown({ peer: peer(2), inventory, seenBefore: 2 })
  }
  await store.orderUnknown({ peer: peer(2), inventory: 2, seenBefore: 2, limit: 10 })
  await store.orderStale(
    peer(2),
    held.map((each) => ({ ...each, generation: generation(0) }))
  )
  await store.suspendLinks(undefined, 10)
  await store.listSuspended(undefined, 10)
  await store.resumeLinks([tokenOf('kept')])
  await store.writeSetting('key', 'value')
  await store.readSetting('key')
  await store.writeSetting('key', null)
  await store.raiseCounters({
    term: await store.advanceTerm(0 as Term),
    generation: await store.lastGeneration()
  })
  await store.decideNode(peer(3), 'draining', START)
  await store.decideNode(peer(3), null, START)
  await store.decideNode(peer(2), 'retired', START)
  await store.listDecisions()
  for (let gone = 1; gone > 0;) gone = await store.forgetNode(peer(2), 5)
  const { state: _state, chunkCount: _count, manifest: _manifest, ...known } = file
  const link = { tokenHash: hash('adopted'), deleteHash: hash('delete'), downloads: 1, expiresAt: EXPIRY }
  const manifest = { id: chunk('manifest'), sizeBytes: 10, generation: generation(1) }
  await addFile(store, 'ordered', { peers: [1, 4] })
  await revoke(store, 'ordered')
  await settleAll(store, START)
  await store.condemnChunks(10)
  const adopt = {
    file: { ...known, id: fileId('adopted') },
    manifest,
    chunks: [{ ...manifest, id: chunk('adopted') }]
  }
  await store.adoptFile({ ...adopt, link: { ...link, state: 'live' } })
}

const stray = { chunk: chunk('stray'), generation: generation(1) }

/** An upload that goes on later, from its opening to its end. */
async function goOn(store: SqliteMetadataStore): Promise<void> {
  const upload = uploadId('later')
  const rule = { copiesMin: 2, hostsMin: 2, boots: BOOTS }
  const writer = writerOf('me')
  const times = { openedAt: START, expiresAt: EXPIRY }
  await store.openUpload({ id: upload, name: 'a', mediaType: 'a/b', metadata: {}, plan: 'plan', ...times })
  await store.resumeUpload({ upload, writer, held: false, rule })
  const piece = { upload, index: 0, chunk: chunk('later'), sizeBytes: 10, expiresAt: EXPIRY, writer }
  await store.reserveChunk(piece)
  await store.findUpload(upload, rule)
  await store.listUploadChunks(upload, 0, 10)
  await store.listLacking(upload, rule, 10, 0)
  await store.checkpointUpload({ upload, writer, chunkCount: 1, checkpoint: 'x', expiresAt: EXPIRY, rule })
  await store.resumeUpload({ upload, writer: writerOf('you'), held: false, rule })
}

/** A block, from its reservation to the file made of it. */
async function makeOfBlocks(store: SqliteMetadataStore): Promise<void> {
  await addBlock(store, 'x')
  await addBlock(store, 'y', { quotaBytes: EXPIRY })
  await ownedBlocks(store, ['x', 'none'])
  await addFromBlocks(store, 'of blocks', ['x'], { quotaBytes: EXPIRY, base: 0 })
  await ownedBlocks(store, ['x'])
  await store.releaseBlocks({ file: fileId('of blocks'), from: 0, limit: 10 })
  await store.findCommitted(fileId('of blocks'))
  await store.settleBlocks(EXPIRY * 2, 10)
}

/** Every operation but `stats`, in a short life of a few files. */
async function doEverything(store: SqliteMetadataStore): Promise<void> {
  await store.recordNodes([node(1)])
  await store.listNodes()
  await store.advanceTime(START)
  const file = await addFile(store, 'a', { downloads: 2 })
  await addFile(store, 'b')
  await prepareFile(store, 'c')
  await claim(store, 'a', 'me')
  await report(store, 'a', 'me', { ranges: [{ start: 0, end: 20 }], bytesSent: 20 })
  await claim(store, 'a', 'you')
  await addFile(store, 'protected', { password: 'open sesame' })
  await claim(store, 'protected', 'me')
  await claimWith(store, 'protected', 'me', 'open sesame')
  await release(store, 'a', 'you')
  await find(store, 'a', 'me')
  const deleteHash = hash('delete a')
  await store.findSentLink(deleteHash)
  const [newest] = await store.listClaims({ deleteHash, limit: 1 })
  await store.listClaims({ deleteHash, limit: 10, after: newest })
  await store.extendLink({ deleteHash, expiresAt: EXPIRY, ttlMaxMs: EXPIRY, now: START })
  await store.listFileChunks(file.id, 0, 10)
  await store.listOwed(3, chunk('x'), 10)
  await store.listOwed(2, undefined, 10)
  const copy = { peer: peer(1), chunk: file.manifest }
  for (const { generation } of await store.listFileChunks(file.id, 0, 1))
    await store.dropCopy({ ...copy, generation })
  await store.listStaleUploads(EXPIRY, 10)
  await store.abandonUpload(uploadId('c'))
  await revoke(store, 'b')
  await settleAll(store, START + LEASE_MS)
  await settleAll(store, EXPIRY)
  await collectAll(store)
  await openUpload(store, 'd')
  await goOn(store)
  await store.purgeTombstones(EXPIRY * 2, 10)
  await makeOfBlocks(store)
}

/** Users and sessions, from their beginning to their end. */
async function keepAccounts(store: SqliteMetadataStore): Promise<void> {
  await store.createInvite(invite('a'))
  await store.findInvite(hash('invite a'))
  await store.listInvites(undefined, 10)
  await store.listInvites(inviteId('a'), 10)
  const session = { id: sessionId('first'), name: 'first', expiresAt: EXPIRY }
  await store.createUser({ user: newUser('a'), by: { invite: hash('invite a') }, session })
  await store.deleteInvite(inviteId('a'))
  await store.createUser({ user: newUser('b', { role: 'admin' }), by: 'setup' })
  await store.hasAdmin()
  await store.findUser('a')
  await store.listUsers({ limit: 10 })
  await store.listUsers({ after: 'a', search: 'b', limit: 10 })
  await signIn(store, 'a', 'one', { sessionsMax: 1, rehash: { ...passwordOf('a'), passes: 3 } })
  await addKey(store, 'a', 'key')
  await store.findSessions({ ids: [sessionId('one')], keys: [keyHash('key')], now: START })
  await store.noteUses([sessionId('one')], EXPIRY)
  await store.listSessions(userId('a'), START, 10)
  await store.endSession({ id: sessionId('key'), user: userId('a'), now: START })
  await store.changeUser({ id: userId('a'), role: 'admin', name: { name: 'A', nameKey: 'a' }, now: START })
  const password = {
    user: userId('a'),
    to: passwordOf('new'),
    keep: sessionId('one'),
    keys: true,
    now: START
  }
  await store.replacePassword({ ...password, from: { ...passwordOf('a'), passes: 3 } })
  await store.endSessions({ user: userId('a'), keys: false, now: START })
  await store.endAllSessions(START, 10)
  await store.purgeAccounts(EXPIRY, 10)
}

/** Users' files, in every order. */
async function keepFiles(store: SqliteMetadataStore): Promise<void> {
  const id = entryId('a')
  const times = { now: START, graceMs: LEASE_MS }
  await addEntry(store, 'a', { path: 'x/y/a', metadata: { k: 'v' }, quotaBytes: 1000 })
  await addEntry(store, 'b', { path: 'x/y/a', expiresAt: EXPIRY, onlyNew: true }).catch(() => undefined)
  await addEntry(store, 'c', { path: 'x/y/a', peers: [1, 2] })
  await store.findEntry(ANN, 'X/Y/A')
  await store.findEntry(ANN, 'x/other')
  for (const sort of ENTRY_SORTS)
    for (const order of ['ascending', 'descending'] as const)
      for (const owner of [ANN, undefined])
        for (const folder of ['x', undefined])
          for (const recursive of [true, false]) {
            const request = { owner, folder, recursive, sort, order, limit: 10 }
            await store.listEntries(request)
            await store.listEntries({ ...request, after: { id, owner: ANN, path: 'x/y', value: 3 } })
            await store.listEntries({ ...request, search: 'y' })
          }
  await store.listFolders({ owner: ANN, limit: 10 })
  await store.listFolders({ owner: ANN, folder: 'x', after: 'x/a', limit: 10 })
  await store.listVersions(id, 3, 10)
  await store.getVersion(id, 1)
  await store.listFolders({ owner: ANN, folder: 'x', limit: 10, now: START })
  const folder = { owner: ANN, limit: 10, now: START }
  await addEntry(store, 'beside', { path: 'w/beside' })
  await store.moveFolder({ ...folder, from: 'x', to: 'w' })
  await store.moveFolder({ ...folder, from: 'w', to: 'v/w' })
  await store.usedByUsers()
  await store.moveEntry({ id, path: 'z', now: START })
  await store.changeEntry({ id, metadata: {}, expiresAt: EXPIRY * 3, now: START })
  await store.restoreVersion({ id, version: 1, ...times })
  await store.deleteVersion({ id, version: 2, ...times })
  await store.pruneVersions({ id, keep: 1, ...times })
  await store.shareEntry({ id, link: shareOf('share'), now: START })
  await store.listShares(id, { createdAt: START, tokenHash: hash('x') }, 10)
  await store.findShare(id, '00')
  await store.settleStatuses({ copies: 2, limit: 10, now: START })
  await store.settleStatuses({ copies: 3, limit: 10, now: START, after: { entry: id, version: 1 } })
  await prepareEntry(store, 'failed', { path: 'z' })
  await store.abandonUpload(uploadId('failed'), { failure: { code: 'busy', attempts: 3, now: START } })
  await store.usedSpace(`user:${ANN}`)
  await store.deleteEntry({ id, ...times })
  await store.deleteEntry({ id, ...times })
  await addEntry(store, 'expiring', { expiresAt: EXPIRY })
  await prepareEntry(store, 'never', { path: 'never' })
  await store.abandonUpload(uploadId('never'), { failure: { code: 'busy', attempts: 3, now: START } })
  await settleEntries(store, EXPIRY * 2)
  await settleAll(store, EXPIRY * 2)
  await store.purgeTombstones(EXPIRY * 3, 10)
  const generationNow = await store.lastGeneration()
  const manifest = { id: chunk('manifest of found'), sizeBytes: 10, generation: generationNow }
  const details = { sizeBytes: 10, mediaType: 'a/b', sha256: hash('a'), uploadedAt: START, metadata: {} }
  await store.adoptFile({
    file: { id: fileId('found'), name: 'a', ...details },
    manifest,
    chunks: [{ ...manifest, id: chunk('found') }],
    entry: { id, user: ANN, path: 'a', version: 1, expiresAt: null }
  })
  await store.orderedChunks(peer(1), [manifest.id])
}

/** Each way of asking about the history. */
async function lookBack(store: SqliteMetadataStore): Promise<void> {
  const of = userOf('a')
  const file = entryOf('a')
  await store.recordHistory(Array.from({ length: 20 }, (_, i) => historyRecord(String(i), { actor: of })))
  const walks = [
    {},
    { of },
    { file },
    { file, of },
    { action: 'download' as const },
    { of, action: 'download' as const }
  ]
  for (const walk of walks)
    for (const order of ['newest', 'oldest'] as const)
      for (const times of [{}, { from: START, to: EXPIRY }])
        await store.listHistory({ ...walk, ...times, order, seq: 100, limit: 2 })
  await store.findLinked(tokenOf('a'))
  await store.locateEntry(file)
  await store.purgeHistory(EXPIRY, 10)
  await store.trimHistory(1, 10)
}

/** Webhooks: told of a change, again, and given up. */
async function tellWebhooks(store: SqliteMetadataStore): Promise<void> {
  const owner = userId('a')
  const id = webhookIdOf('x')
  const terms = { stream: userStream(owner), url: 'https://x', types: [], description: '', secret: 's' }
  await store.createWebhook({ id, owner, ...terms, createdAt: START, perUserMax: 2 })
  await store.changeUser({ id: owner, state: 'active', quotaBytes: 77, now: START })
  await store.changeUser({ id: owner, quotaBytes: 78, now: START })
  await store.listWebhooks(owner, 10)
  await store.nextWebhookAt()
  const courier = webhookIdOf('courier') as string as CourierId
  const lease = { courier, now: START, until: START + 1, limit: 2, perOwnerMax: 2, eventsMax: 1 }
  const verdict = { nextAt: START, attempts: 1, failingSince: null, deadInRow: 0, disable: null }
  const attempt = { outcome: 'status', status: 500, durationMs: 1 } as const
  for (const event of ['again', 'dead', 'told'] as const) {
    const [leased] = await store.leaseWebhooks(lease)
    const [told] = leased?.events ?? []
    if (leased === undefined || told === undefined) throw new Error('nothing is to be told')
    const { webhook, isReplay } = leased
    const holder = { id, courier, lease: webhook.lease }
    const report = { isReplay, event: told, attempt, until: null, now: START }
    await store.settleDelivery({ ...holder, ...report, verdict: { ...verdict, event } })
    if (event === 'dead') await store.replayEvents({ id, events: [told.id], now: START })
  }
  const [dead] = await store.listDeadLetters(id)
  const [last] = await store.listAttempts(id)
  for (const { event } of [dead, last].filter((each) => each !== undefined))
    if (event !== null) await store.replayEvents({ id, events: [event], now: START })
  await store.rewindWebhook({ id, after: 0, now: START }).catch(() => undefined)
  await store.leaseWebhooks(lease)
  await store.deleteWebhook(id)
}

t.test('no operation looks at all rows of a table that grows', async (t) => {
  const store = new SqliteMetadataStore({
    file: ':memory:',
    operationsWaitingMax: 1000,
    logger: silentLogger
  })
  await store.open() // a migration may look at all rows, once
  const statements = new Set<string>()
  // oxlint-disable-next-line typescript/unbound-method -- it is called with its `this` below
  const prepare = DatabaseSync.prototype.prepare
  DatabaseSync.prototype.prepare = function (sql: string) {
    statements.add(sql)
    return prepare.call(this, sql)
  }
  await doEverything(store)
  await keepFiles(store)
  await keepEverything(store)
  await keepAccounts(store)
  await lookBack(store)
  await tellWebhooks(store)
  await workOnGroups(store)
  await deletePool(store)
  await store.close()
  DatabaseSync.prototype.prepare = prepare

  const database = new DatabaseSync(':memory:')
  await migrate(new Kysely<Schema>({ dialect: nodeSqliteDialect(database) }), SQLITE_DDL, 0)
  const queries = [...statements].filter((sql) => /^(?:select|update|insert|delete)/.test(sql))
  t.ok(queries.length > 150, `${queries.length} statements`)
  for (const sql of queries) {
    const plan = database
      .prepare(`explain query plan ${sql}`)
      .all()
      .map((row) => String(row['detail']))
    // a scan along a partial index sees only the rows the index is for; invitations, and everybody's files, are read a page at a time; `looked` and `counts` (of one batch) are bounded themselves; nodes and names are as many as machines
    const scans = plan.filter((step) =>
      /SCAN (?!\d+-ROW VALUES|\w+ USING (?:COVERING )?INDEX (?:chunks_|files_|links_|uploads_|claims_|sessions_|invites_|versions_|entries_(?:date|size|folder_name)|pool_groups_(?:closing|leased)|pools_deleting)|looked|counts)/.test(
        step
      )
    )
    const sorts = plan.filter((step) => step.includes('TEMP B-TREE FOR ORDER BY'))
    const isSmall = /"(?:nodes|names|decisions)"/.test(sql) && !/"copies"/.test(sql)
    // what one upload lacks is sorted, no more than it has pieces; so are the groups of one batch
    const isOfOne =
      /^select (?:distinct "pieces".*"uploads"."id" = \?|.*from "pool_files" where .*batch = \?)/.test(sql)
    // a page of the history walks along the index that names the fewest, and looks at the rest row by row
    const [, walked] = /"history"."(\w+)" = \?/.exec(sql) ?? []
    if (walked !== undefined) t.match(plan[0], `history_${walked} `, sql)
    looksNear(t, sql, plan)
    if (!isSmall) t.strictSame([...scans, ...(isOfOne ? [] : sorts)], [], sql)
  }
  database.close()
})
