/** Blocks over HTTP: stored, asked for, made files of; and by whom they are not to be had. */

import { createHash, randomUUID } from 'node:crypto'
import { request } from 'node:http'
import type { ClientRequest, OutgoingHttpHeaders } from 'node:http'
import t from 'tap'
import { BlockWriter } from '../../../src/client/blocks/block-writer.ts'
import { ChunkWriter } from '../../../src/client/chunk-writer.ts'
import { FileReader } from '../../../src/client/file-reader.ts'
import type { RpcCaller } from '../../../src/protocol/rpc.ts'
import type { ChunkMessages } from '../../../src/protocol/messages.ts'
import { Budget } from '../../../src/runtime/budget.ts'
import type { UserId } from '../../../src/types.ts'
import { api, register, signIn, textOf } from '../accounts/accounts-kit.ts'
import { sampleBytes, startEdges } from '../edge-cluster.ts'
import type { EdgeCluster } from '../edge-cluster.ts'
import { until } from '../../kit/until.ts'
import { codeOf, fetchFile, list, stored } from '../files/files-kit.ts'

const KIB = 1024
const QUOTA_BYTES = 2 * 1024 * KIB
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const refOf = (bytes: Uint8Array) => ({ block_id: sha256(bytes), size: bytes.byteLength })

/** A commit of these blocks. */
const commitOf = (path: string, blocks: readonly Uint8Array[], more: object = {}) => ({
  commit_id: randomUUID(),
  path,
  blocks: blocks.map(refOf),
  sha256: sha256(Buffer.concat(blocks)),
  ...more
})

/** A writer of blocks of its own, which counts what it sends to nodes. */
async function countingWriter({
  cluster
}: EdgeCluster): Promise<{ writer: BlockWriter; puts: () => number }> {
  const { membership, controller, chunkRpc } = await cluster.client('edge')
  const { clock, random, config, clusterKey, logger } = cluster
  let puts = 0
  const rpc: RpcCaller<ChunkMessages> = {
    close: () => chunkRpc.close(),
    call: async (peer, op, ...rest) => {
      if (op === 'put') puts++
      return await chunkRpc.call(peer, op, ...rest)
    }
  }
  const memory = new Budget(config.edge.memoryBytes, config.edge.memoryWaitersMax)
  const shared = { controller, membership, memory, clock, random, logger, config, clusterKey }
  const chunks = new ChunkWriter({ ...shared, rpc, config: config.replication })
  const reader = new FileReader({ ...shared, rpc: chunkRpc })
  return { writer: new BlockWriter({ ...shared, chunks, reader }), puts: () => puts }
}

t.test('blocks', async (t) => {
  const edges = await startEdges(t, {
    edges: 2,
    config: {
      account: { signInsPerMinute: 0, registrationsPerAddress: 0, quotaBytes: QUOTA_BYTES },
      edge: { forbiddenTypes: ['.exe'] }
    }
  })
  const url = edges.url()
  const ann = await register(url, 'ann')
  const bob = await register(url, 'bob')
  const send = async (bytes: Uint8Array, { token = ann.token, query = '', headers = {} } = {}) => {
    const answer = await fetch(`${url}/api/upload${query}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/octet-stream',
        ...headers
      },
      body: new Uint8Array(bytes)
    })
    return {
      status: answer.status,
      headers: answer.headers,
      json: (await answer.json()) as Record<string, unknown>
    }
  }
  const commit = async (body: object, token = ann.token, edge = 0) =>
    await api(edges.url(edge), 'POST /api/files/commit', { token, body })
  const missing = async (digests: string[], token = ann.token) => {
    const answer = await api(url, 'POST /api/blocks/query', { token, body: { digests } })
    return answer.status === 200 ? answer.json['missing'] : codeOf({ ...answer })
  }
  const used = async (token = ann.token) =>
    Number((await api(url, 'GET /api/me', { token })).json['used_bytes'])
  const contentOf = async (id: string, token = ann.token) => (await fetchFile(url, token, id)).bytes
  const [x, y, tail] = [sampleBytes(20 * KIB, 1), sampleBytes(30 * KIB, 2), sampleBytes(100, 3)]

  await t.test('stored, asked for, and made a file of', async (t) => {
    t.same(await missing([sha256(x), sha256(y)]), [sha256(x), sha256(y)])
    t.match(await send(x), { status: 201, json: { block_id: sha256(x), size: x.byteLength } })
    t.match(await send(x), { status: 201, json: { block_id: sha256(x) } }, 'again')
    await send(tail, { query: `?digest=${sha256(tail).toUpperCase()}` })
    t.same(await missing([sha256(x), sha256(y).toUpperCase()]), [sha256(y)])
    t.equal(await used(), x.byteLength + tail.byteLength)
    const asked = commitOf('made/of.bin', [x, y, x, tail], { metadata: { a: 'b' }, media_type: 'a/b' })
    t.match(await commit(asked), { status: 409, json: { code: 'blocks-missing', missing: [sha256(y)] } })
    t.equal(await used(), x.byteLength + tail.byteLength, 'nothing is left of that')
    await send(y)
    const made = await commit(asked)
    t.match(made, { status: 201, json: { path: 'made/of.bin', version: 1, status: 'cached' } })
    const id = textOf(made, 'file_id')
    const content = Buffer.concat([x, y, x, tail])
    t.ok((await contentOf(id)).equals(content))
    t.equal(await used(), content.byteLength, 'the blocks are the file’s')
    t.match(await commit(asked, ann.token, 1), { status: 201, json: { file_id: id, version: 1 } }, 'again')
    const other = { ...asked, sha256: sha256(x) }
    t.equal(codeOf(await commit(other)), '409 upload-conflict', 'its id for something else')
    const elsewhere = { ...asked, path: 'made/elsewhere.bin' }
    t.equal(codeOf(await commit(elsewhere)), '409 upload-conflict', 'or for somewhere else')
    const moved = await api(url, `PATCH /api/files/${id}`, { token: ann.token, body: { path: 'moved.bin' } })
    t.equal(codeOf(moved), '200')
    t.match(
      await commit(asked),
      { status: 201, json: { file_id: id } },
      'its own, whatever became of the file'
    )
    await api(url, `PATCH /api/files/${id}`, { token: ann.token, body: { path: asked.path } })
    const placed = await api(url, `GET /file/${id}`, { token: ann.token })
    t.match(placed.json['chunks'], [refOf(x), refOf(y), refOf(x), refOf(tail)])
    t.same(await missing([sha256(x), sha256(y), sha256(tail)]), [], 'what is in a file of one’s own')
    t.match(await commit(commitOf('made/of.bin', [y, tail], { base_version: 1, base_file_id: id })), {
      json: { file_id: id, version: 2 }
    })
    const stale = await commit(commitOf('made/of.bin', [x], { base_version: 1 }))
    t.match(stale, { status: 409, json: { code: 'version-conflict', version: 2 } })
    await until('it is in the history', async () => {
      const { json } = await api(url, 'GET /api/history?action=upload', { token: ann.token })
      return JSON.stringify(json).includes('made/of.bin')
    })
  })

  await t.test('nobody gets, or learns of, a block of somebody else', async (t) => {
    const secret = sampleBytes(50 * KIB, 9)
    const none = sampleBytes(50 * KIB, 10)
    await stored(url, ann.token, secret, 'secret.bin')
    const staged = sampleBytes(40 * KIB, 11)
    await send(staged)
    const ask = async (bytes: Uint8Array) => [
      await missing([sha256(bytes)], bob.token),
      await commit({ ...commitOf('mine', [bytes]), commit_id: randomUUID() }, bob.token)
    ]
    const shape = (answer: unknown, bytes: Uint8Array) =>
      JSON.stringify(answer).replaceAll(sha256(bytes), 'DIGEST')
    const unknown = shape(await ask(none), none)
    for (const bytes of [secret, staged]) t.equal(shape(await ask(bytes), bytes), unknown, 'as of none')
    t.equal(await used(bob.token), 0)
    const { writer, puts } = await countingWriter(edges)
    const { signal } = new AbortController()
    const calls: number[] = []
    for (const bytes of [none, secret, staged]) {
      const before = puts()
      await writer.put(bob.id as UserId, bytes, { signal })
      calls.push(puts() - before)
    }
    t.same(calls, [1, 1, 1], 'the bytes are sent, whoever has them')
    await writer.put(bob.id as UserId, none, { signal })
    t.equal(puts(), 3, 'but not those that are one’s own')
    t.same(await missing([sha256(secret)], bob.token), [], 'now it is theirs')
  })

  await t.test('many files in one request, each with its result', async (t) => {
    const bytes = Array.from({ length: 20 }, (_each, i) => sampleBytes(200 + i, 100 + i))
    await Promise.all(bytes.map((each) => send(each)))
    const commits = bytes.map((each, i) => commitOf(`many/${i}`, [each]))
    const bad = [
      commitOf('many/none', [sampleBytes(9, 999)]),
      commitOf('a.exe', bytes.slice(0, 1)),
      commitOf('made', bytes.slice(0, 1)),
      { ...commitOf('many/x', bytes.slice(0, 1)), sha256: sha256(tail) }
    ]
    const answer = await commit({ commits: [...commits, ...bad] })
    const results = answer.json['results'] as Array<Record<string, unknown>>
    t.equal(answer.status, 200)
    t.same(
      results.slice(0, 20).map(({ version }) => version),
      Array<number>(20).fill(1)
    )
    t.match(results.slice(20), [
      { code: 'blocks-missing', missing: [sha256(sampleBytes(9, 999))] },
      { code: 'type-forbidden' },
      { code: 'path-conflict' },
      { code: 'checksum-mismatch' }
    ])
    t.equal((await list(url, ann.token, 'folder=many')).files.length, 20)
    const again = await commit({ commits })
    t.same(
      (again.json['results'] as Array<Record<string, unknown>>).map(({ file_id: id }) => id),
      results.slice(0, 20).map(({ file_id: id }) => id)
    )
  })

  await t.test(
    'long lists of one user at once are few, whose bodies would fill the memory of an edge',
    async (t) => {
      const begun: ClientRequest[] = []
      /** Says that it brings a long list, and brings next to nothing of it; the status where it is refused. */
      const begin = async (headers: OutgoingHttpHeaders) => {
        const credentials = { authorization: `Bearer ${ann.token}`, 'content-type': 'application/json' }
        const sent = request(`${url}/api/files/commit`, {
          method: 'POST',
          agent: false,
          headers: { ...credentials, ...headers, expect: '100-continue' }
        })
        begun.push(sent.on('error', () => {}))
        sent.flushHeaders()
        return await new Promise<number>((resolve) => {
          sent.once('continue', () => {
            sent.write('{')
            resolve(100)
          })
          sent.once('response', (answer) => resolve(answer.resume().statusCode ?? 0))
        })
      }
      const long = { 'content-length': 8 * 1024 * KIB }
      t.equal(await begin(long), 100)
      t.equal(await begin({ 'transfer-encoding': 'chunked' }), 100)
      t.equal(await begin(long), 429)
      t.equal(await begin({ 'transfer-encoding': 'chunked' }), 429)
      t.equal(codeOf(await commit(commitOf('short', [x]))), '201', 'a short one has room')
      for (const each of begun) each.destroy()
      await until('room for long ones again', async () => (await begin(long)) === 100)
      for (const each of begun) each.destroy()
    }
  )

  await t.test('what a request has not begun when its session ends is not done', async (t) => {
    const dan = await register(url, 'dan')
    const other = await signIn(url, 'dan')
    await send(tail, { token: dan.token })
    const commits = Array.from({ length: 100 }, (_each, i) => commitOf(`of/${i}`, [tail]))
    const asked = commit({ commits }, dan.token)
    await until('some are made', async () => (await list(url, other, 'folder=of')).files.length > 0)
    t.equal((await api(url, 'POST /api/logout', { token: dan.token })).status, 200)
    const results = (await asked).json['results'] as Array<Record<string, unknown>>
    t.match([results.at(0), results.at(-1)], [{ version: 1 }, { code: 'credentials-invalid' }])
  })

  await t.test('the same at once, through two edges, is one file', async (t) => {
    const asked = commitOf('once', [x])
    const both = await Promise.all([0, 1, 0, 1].map((edge) => commit(asked, ann.token, edge)))
    t.same(new Set(both.map(({ json }) => `${String(json['file_id'])} ${String(json['version'])}`)).size, 1)
    t.same(
      both.map(({ status }) => status),
      [201, 201, 201, 201]
    )
  })

  await t.test('what is wrong with them', async (t) => {
    t.equal(codeOf(await send(Buffer.alloc(0))), '422 empty-file')
    t.equal(codeOf(await send(Buffer.alloc(4096 * KIB + 1))), '413 chunk-too-large')
    t.equal(codeOf(await send(x, { query: `?digest=${sha256(y)}` })), '409 checksum-mismatch')
    t.equal(codeOf(await send(x, { headers: { 'x-block-digest': 'no' } })), '422 invalid-field')
    t.equal(await missing([]), '422 invalid-field')
    t.equal(await missing(['no']), '422 invalid-field')
    const codes = async (body: object) => codeOf(await commit(body))
    t.equal(await codes(commitOf('a', [])), '422 empty-file')
    t.equal(await codes(commitOf('a', [tail, x])), '422 invalid-field', 'blocks that are too small')
    t.equal(await codes(commitOf('../a', [x])), '422 invalid-field')
    t.equal(await codes({ ...commitOf('a', [x]), commit_id: 'x' }), '422 invalid-field')
    const wrongSize = [{ block_id: sha256(x), size: x.byteLength + 1 }]
    t.equal(await codes({ ...commitOf('a', [x]), blocks: wrongSize }), '422 invalid-field')
    const lie = { ...commitOf('a', [x, y]), sha256: sha256(tail) }
    t.equal(await codes({ ...lie, verify: true }), '409 checksum-mismatch', 'where it is looked at')
    t.equal(await codes({ ...commitOf('true', [x, y]), verify: true }), '201')
    t.equal(await codes({ commits: [] }), '422 invalid-field')
  })

  await t.test('a quota, which a file of blocks takes once', async (t) => {
    const cyd = await register(url, 'cyd')
    const size = Math.floor(QUOTA_BYTES / 3) - KIB
    const half = Array.from({ length: 3 }, (_each, i) => sampleBytes(size, 50 + i))
    for (const each of half) t.equal((await send(each, { token: cyd.token })).status, 201)
    t.equal(codeOf(await send(y, { token: cyd.token })), '507 quota-exceeded')
    const [first, ...others] = half
    if (first === undefined) throw new Error('no block')
    const thrice = await commit(commitOf('thrice', [first, first, first]), cyd.token)
    t.equal(codeOf(thrice), '507 quota-exceeded', 'of what waits only its own blocks give way')
    t.same(await missing(others.map(sha256), cyd.token), [])
    t.equal(await used(cyd.token), half.length * size)
    const made = await commit(commitOf('all', half), cyd.token)
    t.equal(codeOf(made), '201')
    t.equal(codeOf(await commit(commitOf('twice', half), cyd.token)), '507 quota-exceeded')
    t.equal(await used(cyd.token), half.length * size)
    await api(url, `DELETE /api/files/delete/${textOf(made, 'file_id')}`, { token: cyd.token })
    t.same(await missing(half.map(sha256), cyd.token), half.map(sha256), 'gone with the file')
    t.equal(await used(cyd.token), 0)
  })
})
