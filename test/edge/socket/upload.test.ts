/** Uploads over a socket: over several chunks, to several edges, and how they end. */

import { createHash } from 'node:crypto'
import t from 'tap'
import { until } from '../../kit/until.ts'
import { api, newAdmin, register } from '../accounts/accounts-kit.ts'
import { sampleBytes, startEdges } from '../edge-cluster.ts'
import { fetchFile, list, listAll } from '../files/files-kit.ts'
import { patch, tus } from '../tus-kit.ts'
import { SocketClient } from './socket-kit.ts'

const MIB = 1024 * 1024
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

t.test('uploads over a socket', async (t) => {
  const edges = await startEdges(t, {
    edges: 3,
    config: {
      account: { quotaBytes: 64 * MIB, uploadBytesMax: 30 * MIB },
      edge: { forbiddenTypes: ['.exe'] }
    }
  })
  const [url, other, last] = [edges.url(0), edges.url(1), edges.url(2)]
  const ann = await register(url, 'ann')
  const bob = await register(url, 'bob')
  const connect = async (at = url, token = ann.token) => await SocketClient.connect(at, token)
  const start = async (client: SocketClient, fields: Record<string, unknown>) => {
    const answer = await client.ask({ type: 'start-transfer', ...fields })
    return { answer, channel: Number(answer['channel']), transfer: String(answer['transfer']) }
  }
  const finish = async (client: SocketClient, channel: number, fields: Record<string, unknown> = {}) =>
    await client.ask({ type: 'complete-upload', channel, ...fields })

  await t.test('a file of several chunks comes in frames, and is acknowledged as it is kept', async (t) => {
    const bytes = sampleBytes(8 * MIB + 77, 3)
    const client = await connect()
    const { answer, channel } = await start(client, {
      path: 'films/one.bin',
      size: bytes.byteLength,
      media_type: 'video/mp4',
      metadata: { a: 'b' },
      sha256: sha256(bytes)
    })
    t.match(answer, {
      type: 'transfer',
      channel: 1,
      offset: 0,
      chunk_bytes_max: 256 * 1024,
      size: bytes.length
    })
    client.write(channel, bytes)
    const completed = await finish(client, channel)
    t.match(completed, {
      type: 'completed',
      file_id: answer['file_id'],
      version: 1,
      path: 'films/one.bin',
      status: 'cached',
      sha256: sha256(bytes)
    })
    t.equal(client.acknowledged(channel), bytes.byteLength)
    const acks = client.messages.filter(({ type }) => type === 'ack').map(({ offset }) => Number(offset))
    t.ok(acks.length >= 1)
    t.same(
      acks,
      acks.toSorted((a, b) => a - b)
    )
    t.ok((await fetchFile(other, ann.token, String(answer['file_id']))).bytes.equals(bytes))
    t.match((await list(url, ann.token, 'folder=films')).files[0], {
      media_type: 'video/mp4',
      metadata: { a: 'b' }
    })
    t.match(await finish(client, channel), { type: 'error', code: 'channel-unknown' })
    const again = await start(client, { path: 'films/one.bin', size: 3 })
    t.equal(again.answer['file_id'], answer['file_id'], 'a further version is of the same file')
    client.write(again.channel, sampleBytes(3))
    t.match(await finish(client, again.channel), { version: 2, file_id: answer['file_id'] })
    const history = await client.ask({ type: 'get-history', limit: 1, file: answer['file_id'] })
    t.match(history, { type: 'history', records: [{ action: String }], next: String })
    client.cut()
  })

  await t.test(
    'a socket that is cut goes on at another edge, and after that edge has stopped too',
    async (t) => {
      const bytes = sampleBytes(11 * MIB, 4)
      const first = await connect()
      const { transfer, channel, answer } = await start(first, {
        path: 'resumed.bin',
        size: bytes.byteLength
      })
      first.write(channel, bytes.subarray(0, 5 * MIB))
      await until('a chunk is kept', () => first.acknowledged(channel) >= 4 * MIB)
      const acknowledged = first.acknowledged(channel)
      first.cut()

      const second = await connect(other)
      const resumed = await start(second, { resume: transfer })
      const offset = Number(resumed.answer['offset'])
      t.ok(offset >= acknowledged, `${offset} of ${acknowledged}`)
      t.equal(resumed.answer['file_id'], answer['file_id'])
      second.write(resumed.channel, bytes.subarray(0, 9.5 * MIB), offset)
      await second.acknowledges(resumed.channel, 9 * MIB)
      const stopping = edges.edges[1]?.edge.stop()
      t.match(await second.end(), { code: 1001 })
      await stopping
      const before = second.acknowledged(resumed.channel)
      t.equal(before, 9.5 * MIB, 'what it had received was stored, and said so, before it stopped')

      const third = await connect(last)
      const ending = await start(third, { resume: transfer, size: bytes.byteLength })
      t.equal(ending.answer['offset'], before)
      third.write(ending.channel, bytes, before)
      const done = await finish(third, ending.channel, { sha256: sha256(bytes) })
      t.match(done, { type: 'completed', version: 1, sha256: sha256(bytes) })
      t.ok((await fetchFile(url, ann.token, String(done['file_id']))).bytes.equals(bytes))

      // the answer was lost: whoever asks again gets it again
      const fourth = await connect()
      const known = await start(fourth, { resume: transfer })
      t.equal(known.answer['offset'], bytes.byteLength)
      const { re: _first, channel: _channel, status: _cached, ...same } = done
      t.match(await finish(fourth, known.channel), same)
      fourth.cut()
      third.cut()
    }
  )

  await t.test(
    'two sockets that write one transfer: the newer one does, and the older is told',
    async (t) => {
      const bytes = sampleBytes(6 * MIB, 5)
      const older = await connect()
      const { transfer, channel } = await start(older, { path: 'fenced.bin', size: bytes.byteLength })
      older.write(channel, bytes.subarray(0, MIB))
      const newer = await connect(last)
      const taken = await start(newer, { resume: transfer })
      const offset = Number(taken.answer['offset'])
      older.write(channel, bytes.subarray(0, 2 * MIB), MIB)
      const told = await older.find((message) => message.type === 'error')
      t.match(told, { channel }, 'before the newer one has sent anything')
      newer.write(taken.channel, bytes, offset)
      t.match(await finish(newer, taken.channel), { type: 'completed', sha256: sha256(bytes) })

      // and at one edge
      const second = await start(older, { path: 'fenced-here.bin', size: 10 })
      const here = await connect()
      const moved = await start(here, { resume: second.transfer })
      t.match(
        await older.find((message) => message['channel'] === second.channel && message.type === 'error'),
        {
          code: 'upload-conflict'
        }
      )
      here.write(moved.channel, sampleBytes(10))
      t.equal((await finish(here, moved.channel)).type, 'completed')
      for (const client of [older, newer, here]) client.cut()
    }
  )

  await t.test('tus goes on with what a socket began', async (t) => {
    const bytes = sampleBytes(5000, 6)
    const client = await connect()
    const { transfer, channel } = await start(client, { name: 'both.bin', size: 5000 })
    client.write(channel, bytes.subarray(0, 2000))
    await until('a little is kept too, once nothing more comes', () => client.acknowledged(channel) === 2000)
    client.cut()
    const headers = { authorization: `Bearer ${ann.token}` }
    const path = `/files/${transfer}`
    t.equal((await tus('HEAD', last + path, { headers })).headers.get('upload-offset'), '2000')
    const end = await patch(last + path, 2000, bytes.subarray(2000), headers)
    t.equal(end.headers.get('x-file-version'), '1')
  })

  await t.test('what does not match what was declared is not kept', async (t) => {
    const client = await connect()
    const declared = await start(client, { path: 'bad.bin', size: 10, sha256: 'a'.repeat(64) })
    client.write(declared.channel, sampleBytes(10))
    t.match(await finish(client, declared.channel), { type: 'error', code: 'checksum-mismatch' })
    t.match((await start(client, { resume: declared.transfer })).answer, { code: 'upload-gone' })
    const late = await start(client, { path: 'bad.bin', size: 10 })
    client.write(late.channel, sampleBytes(10))
    t.match(await finish(client, late.channel, { sha256: 'b'.repeat(64) }), { code: 'checksum-mismatch' })
    const both = await start(client, { path: 'bad.bin', size: 10, sha256: sha256(sampleBytes(10)) })
    client.write(both.channel, sampleBytes(10))
    t.match(await finish(client, both.channel, { sha256: 'b'.repeat(64) }), { code: 'checksum-mismatch' })
    const missing = await start(client, { path: 'bad.bin', size: 10 })
    client.write(missing.channel, sampleBytes(9))
    t.match(await finish(client, missing.channel), { code: 'upload-incomplete' })
    t.equal((await client.ask({ type: 'abort-transfer', channel: missing.channel })).type, 'aborted')
    t.match((await start(client, { resume: missing.transfer })).answer, { code: 'upload-gone' })
    t.notOk((await listAll(url, ann.token, 'recursive=1')).includes('bad.bin'))
    client.cut()
  })

  await t.test('what is refused before a byte', async (t) => {
    const client = await connect()
    const refused = {
      'empty-file': { path: 'a', size: 0 },
      'type-forbidden': { path: 'a/b.EXE', size: 1 },
      'too-large': { path: 'a', size: 30 * MIB + 1 },
      'upload-unknown': { resume: 'x' }
    }
    for (const [code, fields] of Object.entries(refused))
      t.match((await start(client, fields)).answer, { type: 'error', code, error: String })
    for (const fields of [
      { path: '../a', size: 1 },
      { path: 'a' },
      { size: 1 },
      { path: 'a', size: -1 },
      { path: 'a', size: 1, sha256: 'x' },
      { path: 'a', size: 1, colour: 'red' },
      { path: 'a', size: 1, metadata: { a: 1 } }
    ])
      t.match(
        (await start(client, fields)).answer,
        { code: 'invalid-field', field: String },
        JSON.stringify(fields)
      )
    const used = (await api(url, 'GET /api/me', { token: ann.token })).json['used_bytes']
    const mine = await start(client, { path: 'a', size: 10 })
    const bobs = await connect(url, bob.token)
    t.match((await start(bobs, { resume: mine.transfer })).answer, { code: 'permission-denied' })
    await client.ask({ type: 'abort-transfer', channel: mine.channel })
    t.equal((await api(url, 'GET /api/me', { token: ann.token })).json['used_bytes'], used)
    for (const each of [client, bobs]) each.cut()
  })

  await t.test('a quota that shrinks while a file comes', async (t) => {
    const admin = await newAdmin(edges, 'root')
    const client = await connect(url, bob.token)
    const one = await start(client, { path: 'one.bin', size: 2 * MIB })
    t.equal(one.answer.type, 'transfer', 'its space is taken when it begins')
    const setQuota = async (bytes: number) =>
      await api(url, `PATCH /api/users/${bob.id}`, { token: admin.token, body: { quota_bytes: bytes } })
    t.equal((await setQuota(3 * MIB)).status, 200)
    t.match((await start(client, { path: 'two.bin', size: 2 * MIB })).answer, { code: 'quota-exceeded' })
    client.write(one.channel, sampleBytes(2 * MIB))
    t.equal((await finish(client, one.channel)).type, 'completed', 'what was let in is not turned away')
    client.cut()
  })
})
