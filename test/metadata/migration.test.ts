/**
 * version-1.db.gz was made by the program that had schema version 1: files live, revoked, open and given up, claims, orders, nodes; version-2.db.gz by the one that had version 2: with
 * a suspended link, a link in use, decisions and settings; version-3.db.gz by the one that had version 3: with a link that has a password, and an upload that has taken space;
 * version-5.db.gz by the one that had version 5: with an encrypted file that has an index, whose link asks for a proof.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import { SCHEMA_VERSION } from '../../src/metadata/migrations.ts'
import { applySnapshot } from '../../src/metadata/sqlite/apply-snapshot.ts'
import { joinChangesets } from '../../src/metadata/sqlite/changesets.ts'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { Term } from '../../src/types.ts'
import { addKey, holding, newUser, signIn } from '../conformance/account-fixture.ts'
import {
  BOOTS,
  CHUNK_BYTES,
  EXPIRY,
  LEASE_MS,
  START,
  chunk,
  claim,
  claimWith,
  collectAll,
  fileId,
  hash,
  node,
  passwordOf,
  peer,
  rejectsWith,
  settleAll,
  tokenOf,
  uploadId,
  writerOf
} from '../conformance/metadata-fixture.ts'
import { ANN, addEntry } from '../conformance/entry-fixture.ts'
import { historyRecord } from '../conformance/metadata-history.ts'
import { auditFile } from './audit.ts'
import { dumpFile } from './dump.ts'
import { testFolder } from '../kit/test-folder.ts'

const read = (name: string): Buffer => gunzipSync(readFileSync(new URL(name, import.meta.url)))
const VERSION_1 = read('version-1.db.gz')
const VERSION_2 = read('version-2.db.gz')
const VERSION_3 = read('version-3.db.gz')
const VERSION_5 = read('version-5.db.gz')

async function* streamOf(...pieces: Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pieces
}

async function openOldFile(
  t: Test,
  bytes = VERSION_1
): Promise<{ store: SqliteMetadataStore; file: string }> {
  const file = join(testFolder(t), 'metadata.db')
  writeFileSync(file, bytes)
  const store = new SqliteMetadataStore({ file, operationsWaitingMax: 1000, logger: silentLogger })
  await store.open()
  t.teardown(() => store.close())
  return { store, file }
}

/** Of version 5. */
const NOTHING_NEW = { link: { needsProof: false }, file: { indexBytes: 0, encryption: null } }

const commitOpenOne = (store: MetadataStore) =>
  store.commitUpload({
    upload: uploadId('open'),
    file: fileId('open'),
    sizeBytes: 10,
    sha256: hash('open'),
    chunkCount: 1,
    uploadedAt: START,
    link: {
      tokenHash: tokenOf('open'),
      deleteHash: hash('delete open'),
      downloads: 1,
      expiresAt: EXPIRY,
      password: passwordOf('open sesame')
    },
    copiesMin: 2,
    hostsMin: 2,
    boots: BOOTS
  })

t.test('a file of version 1 is opened, with everything that is in it', async (t) => {
  const { store, file } = await openOldFile(t)
  t.equal(await store.advanceTerm(0 as Term), 8)
  t.equal(await store.advanceTime(0), START)
  t.strictSame(await store.listNodes(), [node(1), node(2, { tier: 'cold' })])
  t.match(await claim(store, 'live', 'me'), { outcome: 'claimed', claim: { bytesSent: 5 } })
  t.match(await claim(store, 'live', 'you'), { outcome: 'claimed' })
  t.match(await claim(store, 'revoked', 'me'), { outcome: 'revoked' })
  t.equal((await store.listFileChunks(fileId('live'), 0, 10)).length, 2)
  t.equal((await store.listOrders(peer(1), 10)).length, 2)
  t.match(await store.stats(3), { files: 1, uploadsOpen: 1, linksLive: 1, linksSuspended: 0 })
  t.match(await store.findChunk(chunk('live 0')), { readAt: START, reads: 0, copies: [{}, {}, {}] })
  t.equal((await store.listCopies(peer(3), undefined, 100)).length, 3)
  t.strictSame(await store.listDecisions(), [])
  t.match(await store.findLink(tokenOf('live')), { link: { isProtected: false }, password: null })
  t.match(await store.findLink(tokenOf('live')), NOTHING_NEW)
  t.match(await store.stats(3), { spaceUsed: { anonymous: 20 } }, 'what was there takes up space')
  t.match(await store.listHistory({ order: 'newest', limit: 10 }), { records: [], next: null })
  t.equal(await store.recordHistory([historyRecord('first')]), 1)
  t.match(await commitOpenOne(store), { name: 'open' })
  t.match(await store.stats(3), { spaceUsed: { anonymous: 30 } })
  for (const name of ['live', 'revoked', 'open']) {
    const found = await store.findSentLink(hash(`delete ${name}`))
    t.match(await store.findLink(tokenOf(name)), found ?? {}, `the sender finds ${name}`)
    t.ok(found, name)
  }
  t.match(await store.listClaims({ deleteHash: hash('delete live'), limit: 10 }), [
    { state: 'claimed', claimedAt: START },
    { state: 'claimed', claimedAt: START }
  ])
  t.match(await claim(store, 'open', 'me'), { outcome: 'password-required' })
  t.match(await claimWith(store, 'open', 'me', 'guess'), { outcome: 'password-wrong' })
  t.match(await claimWith(store, 'open', 'me', 'open sesame'), { outcome: 'claimed' })
  await store.close()
  t.strictSame(auditFile(file), [])
})

t.test(
  'a file of version 2 is opened: none of its links asks for a password, senders find theirs, and space is counted',
  async (t) => {
    const { store, file } = await openOldFile(t, VERSION_2)
    for (const name of ['live', 'suspended', 'used']) {
      const found = await store.findLink(tokenOf(name))
      t.match(found, { link: { isProtected: false }, password: null })
      t.match(found, NOTHING_NEW)
      t.match(await store.findSentLink(hash(`delete ${name}`)), { link: found?.link })
    }
    const { spaceUsed } = await store.stats(3)
    t.ok(spaceUsed.anonymous > 0)
    t.match(await claim(store, 'live', 'me'), { outcome: 'claimed', claim: { bytesSent: 5 } })
    t.match(await claim(store, 'live', 'you'), { outcome: 'claimed' })
    t.match(await claim(store, 'used', 'you'), { outcome: 'used' })
    t.match(await claim(store, 'suspended', 'you'), { outcome: 'suspended' })
    t.equal(await store.resumeLinks([tokenOf('suspended')]), 1)
    t.match(await claim(store, 'suspended', 'you'), { outcome: 'claimed' })
    t.match(await commitOpenOne(store), { name: 'open' })
    t.match(await store.stats(3), { spaceUsed: { anonymous: spaceUsed.anonymous + 10 } })
    t.match(await claim(store, 'open', 'me'), { outcome: 'password-required' })
    await store.close()
    t.strictSame(auditFile(file), [])
  }
)

t.test('a file of version 3 is opened: what was being uploaded can be ended, and not resumed', async (t) => {
  const { store, file } = await openOldFile(t, VERSION_3)
  const rule = { copiesMin: 2, hostsMin: 2, boots: BOOTS }
  const upload = uploadId('open')
  t.equal(await store.findUpload(upload, rule), undefined)
  await rejectsWith(
    t,
    store.resumeUpload({ upload, writer: writerOf('me'), held: false, rule }),
    'upload-unknown'
  )
  t.strictSame(await store.findUpload(uploadId('given up'), rule), { state: 'abandoned' })
  t.match(await store.stats(3), { spaceUsed: { anonymous: 70 } })
  t.match(await commitOpenOne(store), { name: 'open' })
  t.match(await store.stats(3), { spaceUsed: { anonymous: 50 } })
  t.match(await claim(store, 'live', 'me'), { outcome: 'password-required' })
  t.match(await claimWith(store, 'live', 'me', 'open sesame'), { outcome: 'claimed' })
  await store.close()
  t.strictSame(auditFile(file), [])
})

t.test('a file of version 5 is opened: it has no accounts, and takes them', async (t) => {
  const { store, file } = await openOldFile(t, VERSION_5)
  t.match(await store.findLink(tokenOf('live')), {
    link: { needsProof: true, claimed: 0 },
    file: { indexBytes: 4, encryption: 'aes256gcm-1' }
  })
  t.match(await claimWith(store, 'protected', 'me', 'open sesame'), { outcome: 'claimed' })
  t.equal(await store.hasAdmin(), false)
  t.strictSame(await store.listUsers({ limit: 10 }), { users: [], next: null })
  t.strictSame(await store.listInvites(undefined, 10), [])
  await store.createUser({ user: newUser('a', { role: 'admin' }), by: 'setup' })
  await signIn(store, 'a')
  await addKey(store, 'a', 'key')
  await store.close()
  t.strictSame(auditFile(file), [])
  await store.open()
  t.equal(await store.hasAdmin(), true)
  t.strictSame(await holding(store, ['a', 'key']), ['a', 'key'])
})

t.test('an old file takes users’ files, and what took up space does so still', async (t) => {
  const { store, file } = await openOldFile(t, VERSION_5)
  const { spaceUsed } = await store.stats(3)
  t.ok(spaceUsed.anonymous > 0)
  t.equal(await store.usedSpace('anonymous'), spaceUsed.anonymous)
  const { entry } = await addEntry(store, 'new', { path: 'x/new' })
  t.equal(await store.usedSpace(`user:${ANN}`), CHUNK_BYTES)
  t.match(await store.stats(3), { spaceUsed })
  await store.close()
  t.strictSame(auditFile(file), [])
  await store.open()
  t.match(await store.findEntry(ANN, 'x/new'), { entry: { id: entry, current: { number: 1 } } })
})

t.test('and it comes to its end like any other', async (t) => {
  const { store } = await openOldFile(t)
  await store.abandonUpload(uploadId('open'))
  await settleAll(store, EXPIRY + LEASE_MS)
  await collectAll(store)
  t.equal((await store.stats(3)).chunks, 0)
  t.equal((await store.stats(3)).ordersPending, 0)
  while ((await store.purgeTombstones(EXPIRY * 2, 100)) > 0);
  await store.close()
  await store.open()
  t.equal(await store.findLink(tokenOf('live')), undefined)
})

t.test('a snapshot of version 1 is brought to the present one, after its changes', async (t) => {
  const folder = testFolder(t)
  const old = join(folder, 'old.db')
  writeFileSync(old, VERSION_1)
  const database = new DatabaseSync(old)
  const session = database.createSession()
  database.exec(
    `update meta set value = 5000000 where key = 'time'; delete from nodes where peer = '${peer(2)}'`
  )
  const changes = joinChangesets([session.changeset()])
  database.close()
  const file = join(folder, 'metadata.db')
  await applySnapshot(file, streamOf(VERSION_1), streamOf(changes))
  const { meta } = dumpFile(file)
  t.match(
    meta?.find((row) => JSON.stringify(row).includes('schema')),
    { value: SCHEMA_VERSION }
  )
  t.strictSame(auditFile(file), [])
  const store = new SqliteMetadataStore({ file, operationsWaitingMax: 1000, logger: silentLogger })
  await store.open()
  t.teardown(() => store.close())
  t.strictSame(await store.listNodes(), [node(1)])
  t.match(await store.findChunk(chunk('live 0')), { readAt: 5_000_000 })
  t.match(await commitOpenOne(store), { name: 'open' })
})
