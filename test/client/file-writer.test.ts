import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import type { PeerbinError as AnyError } from '../../src/errors.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { MemoryChunkStore } from '../../src/node/store/memory-chunk-store.ts'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'
import { decodeManifest } from '../../src/protocol/manifest.ts'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { FileRecord } from '../../src/types.ts'
import { FaultyChunkStore } from '../kit/faulty-chunk-store.ts'
import { until } from '../kit/until.ts'
import { DAY, MIB, bytesOf, claim, collect, nothingStays, pieces, setUp, stats, upload } from './edge.ts'

const code = (expected: AnyError['code']): { code: string } => ({ code: expected })

/** A metadata store whose commits go through `around`. */
function withCommit(around: (commit: () => Promise<FileRecord>) => Promise<FileRecord>): MetadataStore {
  const store = new MemoryMetadataStore()
  const commit = store.commitUpload
  return Object.assign(store, {
    commitUpload: async (...args: Parameters<MetadataStore['commitUpload']>) =>
      await around(async () => await commit(...args))
  })
}

t.test('what was uploaded can be redeemed and comes back byte for byte', async (t) => {
  const edge = await setUp(t)
  for (const size of [1, CHUNK_BYTES_MAX - 1, CHUNK_BYTES_MAX, CHUNK_BYTES_MAX + 1, 9 * MIB + 7]) {
    const bytes = bytesOf(size, size)
    const result = await edge.writer.upload(upload(bytes, size % 2 === 0 ? { declaredBytes: size } : {}))
    t.equal(result.file.sizeBytes, size)
    t.equal(result.file.chunkCount, Math.ceil(size / CHUNK_BYTES_MAX))
    t.equal(result.file.sha256, createHash('sha256').update(bytes).digest('hex'))
    t.equal(result.expiresAt, result.file.uploadedAt + 2 * DAY)
    const back = await collect(edge.reader.read(await claim(edge, result)))
    t.ok(back.equals(bytes), `${size} bytes`)
    t.equal(edge.memory.used, 0)
  }
})

t.test('the manifest is on the nodes, and says all that is needed to serve the file again', async (t) => {
  const edge = await setUp(t)
  const bytes = bytesOf(5 * MIB)
  const result = await edge.writer.upload(upload(bytes, { metadata: { project: 'apollo' } }))
  const holder = edge.cluster.node(0).store
  const stored = await holder.get(result.file.manifest)
  const manifest = decodeManifest(stored, edge.cluster.clusterKey)
  t.match(manifest, {
    id: result.file.id,
    name: 'report.pdf',
    mediaType: 'application/pdf',
    sizeBytes: bytes.length,
    sha256: result.file.sha256,
    uploadedAt: result.file.uploadedAt,
    metadata: { project: 'apollo' },
    link: {
      tokenHash: hashSecret(result.token),
      deleteHash: hashSecret(result.deleteSecret),
      downloads: 1,
      expiresAt: result.expiresAt
    }
  })
  const parts = await Promise.all(manifest.chunks.map(async ({ id }) => await holder.get(id)))
  t.ok(Buffer.concat(parts).equals(bytes))
})

t.test('an equal file needs no bytes the second time, and both come down', async (t) => {
  const edge = await setUp(t)
  const bytes = bytesOf(6 * MIB)
  const first = await edge.writer.upload(upload(bytes))
  await until('no copy is owed', async () => (await stats(edge)).chunksOwed === 0)
  const before = (await stats(edge)).chunks
  const second = await edge.writer.upload(upload(bytes))
  t.equal((await stats(edge)).chunks, before + 1, 'only a manifest came')
  for (const result of [first, second]) {
    t.ok((await collect(edge.reader.read(await claim(edge, result)))).equals(bytes))
  }
})

t.test('an empty file is refused, and nothing stays', async (t) => {
  const edge = await setUp(t)
  await t.rejects(edge.writer.upload(upload(Buffer.alloc(0))), code('empty-file'))
  await t.rejects(edge.writer.upload(upload(Buffer.alloc(0), { declaredBytes: 0 })), code('empty-file'))
  await nothingStays(t, edge)
})

t.test('a file that is announced too large is refused before a byte of it is read', async (t) => {
  const edge = await setUp(t)
  const source = {
    [Symbol.asyncIterator]: (): never => {
      throw new Error('the source was read')
    }
  }
  const request = upload(Buffer.alloc(0), { source, declaredBytes: MIB + 1, limitBytes: MIB })
  await t.rejects(edge.writer.upload(request), code('too-large'))
})

t.test('a file that turns out too large is refused one byte behind the limit', async (t) => {
  const edge = await setUp(t)
  const limitBytes = 5 * MIB
  await t.rejects(edge.writer.upload(upload(bytesOf(limitBytes + 1), { limitBytes })), code('too-large'))
  await nothingStays(t, edge)
  await t.resolves(edge.writer.upload(upload(bytesOf(limitBytes), { limitBytes })))
})

t.test('a source that ends before its announced length leaves nothing', async (t) => {
  const edge = await setUp(t)
  const request = upload(bytesOf(5 * MIB), { declaredBytes: 6 * MIB })
  await t.rejects(edge.writer.upload(request), code('upload-incomplete'))
  await nothingStays(t, edge)
})

t.test('a source that breaks off leaves nothing', async (t) => {
  const edge = await setUp(t)
  const source = (async function* () {
    yield* pieces(bytesOf(5 * MIB))
    throw new Error('socket hang up')
  })()
  await t.rejects(edge.writer.upload(upload(Buffer.alloc(0), { source })), code('upload-incomplete'))
  await nothingStays(t, edge)
})

t.test('a source that stands still is cut off and told to end', async (t) => {
  const edge = await setUp(t, { config: { edge: { stallMs: 200 } } })
  let returned = false
  const iterator = {
    sent: 0,
    next: async () => {
      if (iterator.sent++ < 3) return { done: false as const, value: new Uint8Array(1000) }
      // empty pieces are no progress
      await setImmediate()
      return { done: false as const, value: new Uint8Array(0) }
    },
    return: async () => {
      returned = true
      return { done: true as const, value: undefined }
    }
  }
  const source = { [Symbol.asyncIterator]: () => iterator }
  await t.rejects(edge.writer.upload(upload(Buffer.alloc(0), { source })), code('upload-stalled'))
  t.ok(returned)
  await nothingStays(t, edge)
})

t.test('an upload that its sender gives up leaves nothing, whenever that is', async (t) => {
  const edge = await setUp(t)
  for (const after of [0, 3 * MIB, 7 * MIB]) {
    const sender = new AbortController()
    const source = (async function* () {
      let sent = 0
      for await (const piece of pieces(bytesOf(9 * MIB))) {
        if (sent >= after) sender.abort()
        sent += piece.length
        yield piece
      }
    })()
    const request = upload(Buffer.alloc(0), { source, signal: sender.signal })
    await t.rejects(edge.writer.upload(request), code('aborted'))
    await nothingStays(t, edge)
  }
})

t.test('a wrong checksum, though it comes after the bytes, keeps nothing', async (t) => {
  const edge = await setUp(t)
  const bytes = bytesOf(5 * MIB)
  const md5 = createHash('md5').update(bytes).digest('hex')
  for (const expected of [
    { md5: '0'.repeat(32) },
    { sha256: '0'.repeat(64) },
    { md5, sha256: 'f'.repeat(64) }
  ]) {
    await t.rejects(edge.writer.upload(upload(bytes, { expect: () => expected })), code('checksum-mismatch'))
  }
  await nothingStays(t, edge)
  await t.resolves(edge.writer.upload(upload(bytes, { expect: () => ({ md5: md5.toUpperCase() }) })))
})

t.test('with fewer than two nodes an upload is refused at once, and says when to come back', async (t) => {
  const edge = await setUp(t, { nodes: 1 })
  const refused = edge.writer.upload(upload(bytesOf(10)))
  await t.rejects(refused, { code: 'not-enough-nodes', retryAfterMs: Number })
  t.equal((await stats(edge)).uploadsOpen, 0)
})

t.test('when the nodes have no space left the cluster is full', async (t) => {
  const edge = await setUp(t, {
    storeOf: () => new MemoryChunkStore({ clock: systemClock, capacityBytes: MIB })
  })
  await t.rejects(edge.writer.upload(upload(bytesOf(10))), code('cluster-full'))
})

t.test('a node whose store fails does not fail the upload', async (t) => {
  const broken = new FaultyChunkStore({ store: new MemoryChunkStore({ clock: systemClock }) })
  const edge = await setUp(t, {
    nodes: 4,
    storeOf: (index) => (index === 0 ? broken : new MemoryChunkStore({ clock: systemClock }))
  })
  broken.before = (operation) => {
    if (operation === 'put') throw new PeerbinError('store-failed')
  }
  const bytes = bytesOf(9 * MIB)
  const result = await edge.writer.upload(upload(bytes))
  t.ok((await collect(edge.reader.read(await claim(edge, result)))).equals(bytes))
})

t.test('a node that dies in the middle of an upload does not fail it', async (t) => {
  const edge = await setUp(t, { nodes: 4, config: { replication: { putTimeoutMs: 1000 } } })
  const bytes = bytesOf(20 * MIB)
  let died: Promise<void> | undefined
  const result = await edge.writer.upload(
    upload(bytes, {
      onProgress: () => {
        died ??= edge.cluster.remove(edge.cluster.node(0))
      }
    })
  )
  await died
  t.ok((await collect(edge.reader.read(await claim(edge, result)))).equals(bytes))
})

t.test('an acknowledgement that was lost is found again by repeating the commit', async (t) => {
  let lost = 0
  const metadata = withCommit(async (commit) => {
    const file = await commit()
    if (lost++ === 0) throw new PeerbinError('store-failed')
    return file
  })
  const edge = await setUp(t, { metadata })
  const bytes = bytesOf(100)
  const result = await edge.writer.upload(upload(bytes))
  t.equal(lost, 2)
  t.ok((await collect(edge.reader.read(await claim(edge, result)))).equals(bytes))
})

t.test('a commit that took effect without anybody knowing is taken back', async (t) => {
  const metadata = withCommit(async (commit) => {
    await commit()
    throw new PeerbinError('internal')
  })
  const edge = await setUp(t, { metadata })
  await t.rejects(edge.writer.upload(upload(bytesOf(100))), code('internal'))
  await edge.writer.settled()
  await until('the link is revoked and the file gone', async () => {
    const now = await stats(edge)
    return now.linksLive === 0 && now.files === 0
  })
})

t.test('many uploads at once stay within the budget of memory, and all arrive', async (t) => {
  const memoryBytes = 12 * MIB
  const edge = await setUp(t, { memoryBytes })
  const files = Array.from({ length: 12 }, (_, index) => bytesOf(5 * MIB + index, index))
  const results = await Promise.all(
    files.map(async (bytes) => await edge.writer.upload(upload(bytes, { declaredBytes: bytes.length })))
  )
  t.ok(edge.memory.peak <= memoryBytes)
  t.equal(edge.memory.used, 0)
  const back = await Promise.all(
    results.map(async (result) => await collect(edge.reader.read(await claim(edge, result))))
  )
  for (const [index, bytes] of files.entries()) t.ok(back[index]?.equals(bytes))
  t.equal(edge.memory.used, 0)
})

t.test('who waits for memory in vain is told to come back', async (t) => {
  const edge = await setUp(t, { memoryBytes: 4 * MIB, config: { edge: { memoryWaitMs: 50 } } })
  using taken = { lease: await edge.memory.acquire(2 * MIB), [Symbol.dispose]: () => taken.lease.release() }
  await t.rejects(edge.writer.upload(upload(bytesOf(100))), { code: 'busy', retryAfterMs: Number })
  taken.lease.release()
  await nothingStays(t, edge)
})
