/** Indexes in memory: each once, and all together within bounds. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { decodeIndex, encodeIndex } from '../../src/bundle/index.ts'
import { ZipLayout } from '../../src/bundle/zip-layout.ts'
import { indexMemory } from '../../src/edge/delivery/index-shelf.ts'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { MemoryChunkStore } from '../../src/node/store/memory-chunk-store.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { until } from '../kit/until.ts'
import { indexOf, uploadContent, uploadFiles } from './bundle-kit.ts'
import { newSecret } from './claims.ts'
import { sampleBytes, startEdges } from './edge-cluster.ts'
import type { EdgeCluster } from './edge-cluster.ts'

const never = new AbortController().signal

/** A bundle whose index takes up nearly all that there is. */
async function uploadLarge(cluster: EdgeCluster, seed: string): Promise<string> {
  const entries = Array.from({ length: 10_000 }, (_, i) => ({
    path: `${seed}${String(i).padStart(340, 'x')}`.replace(/(.{100})/g, '$1/'),
    sizeBytes: 1,
    crc32: 0
  }))
  const index = encodeIndex({ name: 'large', entries })
  const bytes = Buffer.concat([Buffer.alloc(10_000), index])
  const { token } = await uploadContent(cluster, bytes, { content: () => ({ indexBytes: index.byteLength }) })
  return token
}

async function fileOf({ edges }: EdgeCluster, token: string) {
  const answer = await edges[0]?.participant.controller.call('findLink', { tokenHash: hashSecret(token) })
  if (!answer?.found) throw new Error('there is no such link')
  return answer.found.file
}

t.test('an index takes up no more than is counted for it', async (t) => {
  const entries = Array.from({ length: 10_000 }, (_, i) => ({ path: i.toString(36), sizeBytes: 1, crc32: 0 }))
  const bytes = encodeIndex({ name: 'x', entries })
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = (): number => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const read = () => {
    const index = decodeIndex(bytes)
    return { index, layout: new ZipLayout(index) }
  }
  const kept = [read()]
  const before = used()
  for (let i = 0; i < 10; i++) kept.push(read())
  const each = (used() - before) / 10
  t.ok(each < 1.2 * indexMemory(bytes.byteLength), `${each} for ${bytes.byteLength}, ${kept.length} times`)
})

t.test('indexes are read once for all who want them, and wait for room', async (t) => {
  const cluster = await startEdges(t, { config: { edge: { memoryBytes: 16 * 1024 * 1024 } } })
  const shelf = cluster.edges[0]?.indexes
  if (shelf === undefined) throw new Error('there is no edge')
  const large = await fileOf(cluster, await uploadLarge(cluster, 'a'))
  const other = await fileOf(cluster, await uploadLarge(cluster, 'b'))

  const held = await Promise.all([1, 2, 3].map(() => shelf.get(large, undefined, never)))
  t.equal(shelf.usedBytes, indexMemory(large.indexBytes), 'once')
  t.equal(held[0]?.layout, held[2]?.layout)

  const leaves = new AbortController()
  const impatient = shelf.get(other, undefined, leaves.signal)
  const patient = shelf.get(other, undefined, never)
  leaves.abort()
  await t.rejects(impatient, { code: 'aborted' })
  let isThere = false
  const arrived = patient.then((index) => {
    isThere = true
    return index
  })
  held[0]?.[Symbol.dispose]()
  held[0]?.[Symbol.dispose]()
  held[1]?.[Symbol.dispose]()
  await shelf.get(large, undefined, never).then((again) => again[Symbol.dispose]())
  t.notOk(isThere, 'somebody still has it')
  held[2]?.[Symbol.dispose]()
  const second = await arrived
  t.equal(shelf.usedBytes, indexMemory(other.indexBytes), 'the one that nobody uses has gone')
  second[Symbol.dispose]()

  const gone = { ...large, id: '00000000-0000-4000-8000-000000000009' as typeof large.id }
  for (let i = 0; i < 2; i++)
    await t.rejects(shelf.get(gone, undefined, never), { code: 'chunk-unavailable' }, 'a failure is not kept')
  await until('nothing is held for it', () => shelf.usedBytes <= indexMemory(large.indexBytes))
})

t.test('a range without a byte of the payload reads none', async (t) => {
  let reads = 0
  const storeOf = (): MemoryChunkStore => {
    const store = new MemoryChunkStore({ clock: systemClock })
    const get = store.get.bind(store)
    store.get = async (...args) => {
      reads++
      return await get(...args)
    }
    return store
  }
  const { url } = await startEdges(t, { storeOf, config: { edge: { uploadBytesMax: 20_000_000 } } })
  const files = { a: sampleBytes(9_000_000), b: sampleBytes(10) }
  const { directUrl, url: page } = await uploadFiles(url(), files, { downloads: '5' })
  await indexOf(page)
  const address = `${directUrl}?claim=${newSecret()}`
  const get = async (range: string): Promise<number> => {
    const before = reads
    await (await fetch(address, { headers: { range: `bytes=${range}` } })).arrayBuffer()
    return reads - before
  }
  await get('0-0') // claims, and reads the index
  t.equal(await get('0-9'), 0, 'of a header')
  t.equal(await get('-20'), 0, 'of the directory')
  t.equal(await get('100-200'), 1, 'of one chunk')
})
