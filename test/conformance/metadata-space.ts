import type { Test } from 'tap'
import type { MetadataStore, UploadSpace } from '../../src/metadata-store.ts'
import type { UploadId } from '../../src/types.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  BOOTS,
  CHUNK_BYTES,
  EXPIRY,
  START,
  addFile,
  chunk,
  fileId,
  hash,
  receipt,
  rejectsWith,
  reserve,
  revoke,
  settleAll,
  tokenOf,
  uploadId
} from './metadata-fixture.ts'

/** Space of the tests, in bytes. */
const SPACE = 100

const used = async (store: MetadataStore): Promise<number> => (await store.stats(3)).spaceUsed.anonymous

async function open(store: MetadataStore, name: string, space: Partial<UploadSpace>): Promise<UploadId> {
  const id = uploadId(name)
  await store.openUpload({
    id,
    name,
    mediaType: 'text/plain',
    metadata: {},
    space: { key: 'anonymous', bytes: 0, bytesMax: SPACE, ...space },
    openedAt: START,
    expiresAt: EXPIRY
  })
  return id
}

/** Commits an upload of one chunk. */
async function commit(store: MetadataStore, name: string): Promise<void> {
  await fill(store, name)
  await commitFilled(store, name)
}

async function fill(store: MetadataStore, name: string): Promise<void> {
  const ids = [chunk(`manifest of ${name}`), chunk(`${name} 0`)]
  for (const [i, id] of ids.entries()) {
    const generation = await reserve(store, uploadId(name), i - 1, id)
    await store.recordReceipts([receipt(1, id, generation), receipt(2, id, generation)])
  }
}

async function commitFilled(store: MetadataStore, name: string): Promise<void> {
  await store.commitUpload({
    upload: uploadId(name),
    file: fileId(name),
    sizeBytes: CHUNK_BYTES,
    sha256: hash(name),
    chunkCount: 1,
    uploadedAt: START,
    link: { tokenHash: tokenOf(name), deleteHash: hash(`delete ${name}`), downloads: 1, expiresAt: EXPIRY },
    copiesMin: 2,
    hostsMin: 2,
    boots: BOOTS
  })
}

export async function testSpace(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('the space of a role is never exceeded, however many uploads open at once', async (t) => {
    const store = await makeStore(t)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => open(store, `upload ${i}`, { bytes: 30 }))
    )
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3)
    t.equal(await used(store), 90)
    await rejectsWith(t, open(store, 'more', { bytes: 11 }), 'space-full')
    await rejectsWith(t, reserve(store, uploadId('more'), 0, chunk('x')), 'upload-unknown')
    await open(store, 'fits', { bytes: 10 })
    t.equal(await used(store), 100)
    await open(store, 'without a limit', { bytes: 1000, bytesMax: undefined })
    t.equal(await used(store), 1100)
  })

  await t.test('opening the same upload again takes nothing more', async (t) => {
    const store = await makeStore(t)
    for (let i = 0; i < 3; i++) await open(store, 'a', { bytes: 60 })
    t.equal(await used(store), 60)
  })

  await t.test('an upload that is given up gives its space back, once', async (t) => {
    const store = await makeStore(t)
    const id = await open(store, 'a', { bytes: 60 })
    for (let i = 0; i < 3; i++) await store.abandonUpload(id)
    t.equal(await used(store), 0)
    await store.abandonUpload(uploadId('never opened'))
    t.equal(await used(store), 0)
  })

  await t.test('a committed file takes what it has, until it is deleted', async (t) => {
    const store = await makeStore(t)
    await open(store, 'a', { bytes: 60 })
    await commit(store, 'a')
    t.equal(await used(store), CHUNK_BYTES)
    await commitFilled(store, 'a')
    t.equal(await used(store), CHUNK_BYTES, 'a repeated commit counts once')
    await open(store, 'b', { bytes: 90 })
    await revoke(store, 'a')
    await settleAll(store, START)
    t.equal(await used(store), 90)
    await settleAll(store, START)
    t.equal(await used(store), 90)
  })

  await t.test('a file that expired, and one that was made known again, count too', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'old')
    t.equal(await used(store), 2 * CHUNK_BYTES, 'also what was opened without a reservation')
    await store.adoptFile({
      file: {
        id: fileId('found'),
        name: 'found',
        sizeBytes: 7,
        mediaType: 'a/b',
        sha256: hash('found'),
        uploadedAt: START,
        metadata: {}
      },
      manifest: { id: chunk('its manifest'), sizeBytes: 5, generation: await reserveOne(store) },
      chunks: [{ id: chunk('its chunk'), sizeBytes: 7, generation: await reserveOne(store) }],
      link: {
        tokenHash: tokenOf('found'),
        deleteHash: hash('delete found'),
        downloads: 1,
        expiresAt: EXPIRY,
        state: 'live'
      }
    })
    t.equal(await used(store), 2 * CHUNK_BYTES + 7)
    await settleAll(store, EXPIRY + 1)
    t.equal(await used(store), 0)
  })
}

/** Some generation that was given out. */
async function reserveOne(store: MetadataStore) {
  const id = await open(store, 'other', { bytes: 0 })
  return await reserve(store, id, 0, chunk('other'))
}
