/** A whole upload whose nodes start again just before its commit. */

import t from 'tap'
import type { Test } from 'tap'
import type { ControlMessages, RequestOf } from '../../src/protocol/messages.ts'
import type { SecretHash } from '../../src/types.ts'
import type { UploadRequest } from '../../src/client/file-writer.ts'
import type { MemoryClusterOptions } from '../kit/memory-cluster.ts'
import { failpoints } from '../../src/runtime/failpoints.ts'
import { PeerbinError } from '../../src/errors.ts'
import { MemoryChunkStore } from '../../src/node/store/memory-chunk-store.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { MIB, bytesOf, claim, collect, nothingStays, setUp, stats, upload } from './edge.ts'
import type { Edge } from './edge.ts'

/** Two nodes, so that the loss of either leaves too few copies; `between` runs when every receipt is recorded and the commit is about to begin. */
async function interrupted(
  t: Test,
  between: (edge: Edge) => Promise<void>,
  options: MemoryClusterOptions = {}
): Promise<Edge> {
  const edge = await setUp(t, { nodes: 2, ...options })
  failpoints.arm(
    'upload.commit.beforeStore',
    { kind: 'run', run: async () => await between(edge) },
    { nth: 1 }
  )
  t.teardown(() => failpoints.disarmAll())
  return edge
}

/** Physical copies of the chunk that has the fewest. */
async function fewestCopies({ cluster }: Edge): Promise<number> {
  const counts = new Map<string, number>()
  for (const { store } of cluster.nodes) {
    for (const { id } of await store.list({ limit: 1000 })) counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return Math.min(...counts.values())
}

t.test(
  'an upload whose node lost its disk before the commit waits until the copies are made again',
  async (t) => {
    const edge = await interrupted(t, async ({ cluster }) => {
      await cluster.restartNode(1, { crash: true, wiped: true })
    })
    const bytes = bytesOf(5 * MIB)
    const result = await edge.writer.upload(upload(bytes))
    t.equal(await fewestCopies(edge), 2, 'when it is acknowledged both nodes hold all of it')
    t.ok((await collect(edge.reader.read(await claim(edge, result)))).equals(bytes))
  }
)

t.test('an upload whose nodes restarted with their disks is committed without bytes', async (t) => {
  let putsBefore = 0
  const puts: number[] = [0, 0]
  const storeOf = (index: number): MemoryChunkStore => {
    const store = new MemoryChunkStore({ clock: systemClock })
    const put = store.put.bind(store)
    store.put = async (...args) => {
      puts[index] = (puts[index] ?? 0) + 1
      return await put(...args)
    }
    return store
  }
  const total = (): number => puts.reduce((sum, count) => sum + count, 0)
  const edge = await interrupted(
    t,
    async ({ cluster }) => {
      putsBefore = total()
      await cluster.restartNode(0, { crash: true })
      await cluster.restartNode(1, { crash: true })
    },
    { storeOf }
  )
  const bytes = bytesOf(5 * MIB)
  const result = await edge.writer.upload(upload(bytes))
  t.ok(putsBefore > 0)
  t.equal(total(), putsBefore)
  t.ok((await collect(edge.reader.read(await claim(edge, result)))).equals(bytes))
})

t.test('an upload whose copies cannot be made again fails after a while, and nothing stays', async (t) => {
  const full = new MemoryChunkStore({ clock: systemClock })
  full.put = async () => {
    throw new PeerbinError('store-full')
  }
  const edge = await interrupted(
    t,
    async ({ cluster }) => {
      await cluster.restartNode(1, { crash: true, wiped: true, store: full })
    },
    { config: { controller: { commitWaitMs: 2000 } } }
  )
  const startedAt = performance.now()
  await t.rejects(edge.writer.upload(upload(bytesOf(100))), { code: 'copies-missing' })
  t.ok(performance.now() - startedAt >= 1000, 'it was tried more than once')
  t.match(await stats(edge), { files: 0 })
  await nothingStays(t, edge)
})

t.test('a sender that leaves while the commit waits for copies ends it', async (t) => {
  const full = new MemoryChunkStore({ clock: systemClock })
  full.put = async () => {
    throw new PeerbinError('store-full')
  }
  const stop = new AbortController()
  const edge = await interrupted(t, async ({ cluster }) => {
    await cluster.restartNode(1, { crash: true, wiped: true, store: full })
    setTimeout(() => stop.abort(), 300)
  })
  await t.rejects(edge.writer.upload(upload(bytesOf(100), { signal: stop.signal })), { code: 'aborted' })
  await nothingStays(t, edge)
})

const password = {
  v: 1 as const,
  memoryKiB: 128,
  passes: 1,
  parallelism: 1,
  salt: '5a'.repeat(16),
  hash: '78'.repeat(32) as SecretHash
}
const proofHash = '9a'.repeat(32) as SecretHash
const UNKNOWN_EARLIER: Array<[string, Partial<UploadRequest>]> = [
  ['a password', { link: () => ({ downloads: 1, ttlMs: 60_000, password }) }],
  ['a proof', { link: () => ({ downloads: 1, ttlMs: 60_000, proofHash }) }],
  ['an index', { content: () => ({ indexBytes: 100 }) }],
  ['an encryption', { content: () => ({ encryption: 'aes256gcm-1' }) }]
]
for (const [what, request] of UNKNOWN_EARLIER)
  t.test(`a link to a file with ${what} that an earlier controller passed over is not handed out`, (t) =>
    testEarlier(t, request)
  )

async function testEarlier(t: Test, request: Partial<UploadRequest>): Promise<void> {
  const edge = await setUp(t)
  const { controller } = edge.client
  const call = controller.call.bind(controller)
  const made: SecretHash[] = []
  // as a controller of version 0.1.0 before passwords: fields that it does not know are dropped when it reads the message
  controller.call = async (op, message, options) => {
    if (op !== 'commitUpload') return await call(op, message, options)
    const {
      link,
      indexBytes: _index,
      encryption: _encryption,
      ...rest
    } = message as RequestOf<ControlMessages, 'commitUpload'>
    if (link === undefined) throw new Error('this one makes a link')
    const { password: _password, proofHash: _proof, ...known } = link
    made.push(known.tokenHash)
    return await call(op, { ...rest, link: known } as typeof message, options)
  }
  await t.rejects(edge.writer.upload(upload(bytesOf(1000), request)), { code: 'no-controller' })
  await edge.writer.settled()
  const [tokenHash] = made
  if (tokenHash === undefined) throw new Error('nothing was committed')
  const { found } = await call('findLink', { tokenHash })
  t.match(found, { link: { state: 'revoked' } }, 'and nobody can use it, should anybody guess it')
}
