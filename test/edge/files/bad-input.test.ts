/** Files of users, and what is wrong with them: other people, full quotas, two at once, files that go while they are read, and lists that are long. */

import { get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { once } from 'node:events'
import t from 'tap'
import { until } from '../../kit/until.ts'
import { PASSWORD, api, newAdmin, newKey, register, textOf } from '../accounts/accounts-kit.ts'
import { RawClient } from '../clients.ts'
import { sampleBytes, startEdges } from '../edge-cluster.ts'
import { codeOf, fetchFile, formOf, list, listAll, store, stored } from './files-kit.ts'

const MIB = 1024 * 1024
const small = sampleBytes(1000, 1)

/** A download that stands still until its bytes are wanted. */
async function paused(
  url: string,
  token: string,
  id: string
): Promise<{ rest: () => Promise<number>; cut: () => boolean }> {
  const request = get(`${url}/api/files/download/${id}`, { headers: { authorization: `Bearer ${token}` } })
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  answer.pause()
  let isCut = false
  const over = new Promise<void>((resolve) => {
    answer.once('error', () => {
      isCut = true
      resolve()
    })
    answer.once('end', resolve)
  })
  let bytes = 0
  return {
    rest: async () => {
      answer.on('data', (piece: Buffer) => (bytes += piece.byteLength))
      answer.resume()
      await over
      return bytes
    },
    cut: () => isCut
  }
}

t.test('files of users, and what is wrong with them', async (t) => {
  const edges = await startEdges(t, {
    config: {
      account: {
        signInsPerMinute: 0,
        registrationsPerAddress: 0,
        quotaBytes: 40 * MIB,
        uploadBytesMax: 20 * MIB
      },
      edge: { forbiddenTypes: ['.exe', 'video/*'], uploadBytesMax: 10_000 },
      scan: { command: ['sh', '-c', 'grep -q EICAR-STANDARD && exit 1; exit 0'] }
    }
  })
  const url = edges.url()
  const ann = await register(url, 'ann')
  const bob = await register(url, 'bob')
  const admin = await newAdmin(edges, 'root')
  const ask = async (what: string, body?: unknown, token = ann.token) =>
    await api(url, what, { token, ...(body !== undefined && { body }) })
  const put = async (options: Parameters<typeof store>[3], bytes: Uint8Array = small) =>
    codeOf(await store(url, ann.token, bytes, options))

  await t.test('forms', async (t) => {
    t.equal(await put({}, Buffer.alloc(0)), '422 empty-file')
    t.equal(await put({ name: 'a.exe' }), '415 type-forbidden')
    t.equal(await put({ type: 'video/mp4' }), '415 type-forbidden')
    t.equal(await put({ after: { path: 'b/a.exe' } }), '415 type-forbidden', 'by the path behind the file')
    t.equal(await put({ before: { sha256: 'f'.repeat(64) } }), '409 checksum-mismatch')
    t.equal(await put({ after: { md5: '0'.repeat(32) } }), '409 checksum-mismatch')
    t.equal(await put({ before: { sha256: 'no' } }), '422 invalid-field')
    t.equal(await put({ before: { path: 'a/../b' } }), '422 invalid-field')
    t.equal(await put({ after: { path: 'a\u0000b' } }), '422 invalid-field')
    t.equal(await put({ before: { metadata: '{"a":1}' } }), '422 invalid-field')
    t.equal(await put({ before: { expires: '-1' } }), '422 invalid-field')
    const large = JSON.stringify({ a: 'x'.repeat(MIB) })
    for (const where of ['before', 'after'])
      t.equal(
        await put({ [where]: { metadata: large } }),
        '422 invalid-field',
        `metadata of 1 MB ${where} the file`
      )
    t.equal(await put({}, Buffer.from('x EICAR-STANDARD x')), '422 file-infected')
    t.match(codeOf(await ask('POST /api/files/upload', {})), /^4\d\d/, 'no form')
    const twice = formOf(small)
    twice.append('file', new Blob(['another']), 'b.bin')
    t.equal(codeOf(await ask('POST /api/files/upload', twice)), '422 invalid-field', 'two files')
    t.equal(await put({}, sampleBytes(21 * MIB)), '413 too-large')
    t.same(await listAll(url, ann.token, 'recursive=1'), [], 'nothing of all that is there')
  })

  await t.test('a client that leaves in the middle leaves nothing', async (t) => {
    using client = await RawClient.open(url)
    client.write(
      `POST /api/files/upload HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ann.token}\r\n` +
        `content-type: multipart/form-data; boundary=b\r\ncontent-length: ${5 * MIB}\r\n\r\n` +
        '--b\r\ncontent-disposition: form-data; name="file"; filename="half"\r\n\r\n'
    )
    client.write(sampleBytes(4 * MIB))
    const isOpen = async (): Promise<boolean> => (await edges.cluster.controller.status()).uploadsOpen > 0
    await until('it has begun', isOpen)
    client.socket.destroy()
    await until('it is given up', async () => !(await isOpen()))
    t.same(await listAll(url, ann.token), [])
  })

  await t.test('a session that ends in the middle of an upload ends it', async (t) => {
    const dan = await register(url, 'dan')
    using client = await RawClient.open(url)
    client.write(
      `POST /api/files/upload HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${dan.token}\r\n` +
        `content-type: multipart/form-data; boundary=b\r\ncontent-length: ${5 * MIB}\r\n\r\n` +
        '--b\r\ncontent-disposition: form-data; name="file"; filename="half"\r\n\r\n'
    )
    client.write(sampleBytes(4 * MIB))
    const isOpen = async (): Promise<boolean> => (await edges.cluster.controller.status()).uploadsOpen > 0
    await until('it has begun', isOpen)
    await ask('POST /api/logout', {}, dan.token)
    const endedAt = performance.now()
    await until('it is refused', () => client.body.includes('credentials-invalid'))
    t.ok(performance.now() - endedAt < 1000, `${performance.now() - endedAt} ms`)
    t.equal(client.status, 401)
    await until('it is given up', async () => !(await isOpen()))
  })

  await t.test('who is out before a request is whole does nothing with it', async (t) => {
    const eve = await register(url, 'eve')
    const setRole = async (role: string) => ask(`PATCH /api/users/${eve.id}`, { role }, admin.token)
    await setRole('admin')
    const begin = async (what: string, type: string, body: string): Promise<[RawClient, string]> => {
      const client = await RawClient.open(url)
      t.teardown(() => client[Symbol.dispose]())
      const half = Math.floor(body.length / 2)
      client.write(
        `${what} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${eve.token}\r\nexpect: 100-continue\r\n` +
          `content-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`
      )
      await until('it was let in', () => client.status === 100)
      client.write(body.slice(0, half))
      return [client, body.slice(half)]
    }
    const end = async ([client, rest]: [RawClient, string]): Promise<string> => {
      client.write(rest)
      await until('it is answered', () => /HTTP\/1\.1 \d/.test(client.body.toString()))
      return client.body.toString()
    }
    const part = '--b\r\ncontent-disposition: form-data; name='
    const form = `${part}"path"\r\n\r\n${'late/'.repeat(40)}file\r\n${part}"file"; filename="x"\r\n\r\nx\r\n--b--\r\n`
    const change = await begin(`PATCH /api/users/${eve.id}`, 'application/json', '{"role": "admin"}')
    await setRole('user')
    t.match(await end(change), 'credentials-invalid', 'she makes herself no administrator again')
    t.match((await ask('GET /api/me', undefined, eve.token)).json, { role: 'user' })
    const upload = await begin('POST /api/files/upload', 'multipart/form-data; boundary=b', form)
    const key = await begin(
      'POST /api/me/keys',
      'application/json',
      '{"name": "x", "scopes": ["files:read"]}'
    )
    await ask('POST /api/logout', {}, eve.token)
    t.match(await end(upload), 'credentials-invalid', 'and stores nothing')
    t.match(await end(key), 'credentials-invalid')
    t.same(await listAll(url, admin.token, `owner=${eve.id}&recursive=1`), [])
  })

  const id = await stored(url, ann.token, small, 'mine.txt')

  await t.test('a name that is not taken is not taken by renaming either', async (t) => {
    t.equal(codeOf(await ask(`PATCH /api/files/${id}`, { path: 'b/mine.EXE' })), '415 type-forbidden')
    t.match((await ask(`GET /api/files/${id}`)).json, { path: 'mine.txt' })
  })

  await t.test('other users, and what is no id', async (t) => {
    const routes: Record<string, unknown> = {
      'GET /api/files/ID': undefined,
      'GET /api/files/ID/versions': undefined,
      'GET /api/files/download/ID': undefined,
      'GET /file/ID': undefined,
      'DELETE /api/files/delete/ID': undefined,
      'PATCH /api/files/ID': { path: 'stolen.txt' },
      'POST /api/files/ID/share': {},
      'POST /api/files/ID/restore': { version: 1 }
    }
    for (const [route, body] of Object.entries(routes)) {
      const asBob = async (of: string) => codeOf(await ask(route.replace('ID', of), body, bob.token))
      t.equal(await asBob(id), '403 permission-denied', route)
      t.equal(await asBob(ann.id), '404 file-unknown', `${route}: a UUID of something else`)
      t.equal(await asBob('..%2f..'), '404 file-unknown', `${route}: no UUID`)
    }
    const mine = await stored(url, bob.token, small, 'mine.txt')
    t.not(mine, id, 'the same path of somebody else is another file')
    t.equal(codeOf(await ask(`GET /api/files/list?owner=${bob.id}`)), '403 permission-denied')
    const { next } = await list(url, admin.token, 'owner=*&limit=1')
    const asAnn = await ask(`GET /api/files/list?limit=1&after=${encodeURIComponent(String(next))}`)
    t.notMatch(JSON.stringify(asAnn.json), mine, 'a cursor gives no right')
    const key = await newKey(url, ann.token, ['files:write'])
    t.equal((await fetchFile(url, key, id)).status, 403)
  })

  await t.test('lists', async (t) => {
    for (const query of [
      'limit=0',
      'limit=1001',
      'limit=x',
      'sort=colour',
      'order=up',
      'after=x',
      'owner=x',
      'folder=..',
      'search=' + 'x'.repeat(300)
    ])
      t.equal(codeOf(await ask(`GET /api/files/list?${query}`)), '422 invalid-field', query.slice(0, 20))
    const { next } = await list(url, admin.token, 'owner=*&limit=1')
    const other = `GET /api/files/list?owner=*&sort=size&after=${encodeURIComponent(String(next))}`
    t.equal(codeOf(await ask(other, undefined, admin.token)), '422 invalid-field', 'of another order')
  })

  await t.test('two uploads to one path at once are two versions, or one of them is refused', async (t) => {
    const path = 'both.txt'
    const both = await Promise.all(
      [1, 2, 3].map(
        async (seed) => await store(url, ann.token, sampleBytes(5000, seed), { before: { path } })
      )
    )
    t.same(
      both.map(({ status }) => status),
      [201, 201, 201]
    )
    t.equal(new Set(both.map(({ json }) => json['file_id'])).size, 1)
    t.same(new Set(both.map(({ json }) => json['version'])), new Set([1, 2, 3]))
    const before = { path: 'one.txt', only_new: 'true' }
    const one = await Promise.all(
      [1, 2].map(async (seed) => codeOf(await store(url, ann.token, sampleBytes(5000, seed), { before })))
    )
    t.same(one.toSorted(), ['201', '409 path-taken'])
    t.equal(await put({ before: { path: 'one.txt/below' } }), '409 path-conflict')
  })

  await t.test('of two that knew one version one becomes the next', async (t) => {
    const id = await stored(url, ann.token, small, 'known.txt')
    const send = async (base: Record<string, string>) =>
      await store(url, ann.token, small, { after: { path: 'known.txt', ...base } })
    t.equal(codeOf(await send({ base_version: '0' })), '409 version-conflict', 'there is one')
    const both = await Promise.all(
      [1, 2].map(async () => await send({ base_version: '1', base_file_id: id }))
    )
    t.same(both.map(codeOf).toSorted(), ['201', '409 version-conflict'])
    t.match(both.find(({ status }) => status === 409)?.json, { version: 2 }, 'told what counts')
    const other = { base_version: '2', base_file_id: ann.id }
    t.equal(codeOf(await send(other)), '409 version-conflict', 'of another file')
    for (const base of [
      { base_version: '-1' },
      { base_file_id: id },
      { base_version: '1', base_file_id: 'x' }
    ])
      t.equal(codeOf(await send(base)), '422 invalid-field', JSON.stringify(base))
  })

  await t.test('a quota that is reached', async (t) => {
    const cyd = await register(url, 'cyd')
    const large = sampleBytes(16 * MIB, 3)
    const sent = async (name: string) => codeOf(await store(url, cyd.token, large, { name }))
    t.same([await sent('1'), await sent('2'), await sent('3')], ['201', '201', '507 quota-exceeded'])
    // no length: what is left is reserved, and used up in the middle
    using client = await RawClient.open(url)
    client.socket.write(
      `POST /api/files/upload HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${cyd.token}\r\n` +
        'content-type: multipart/form-data; boundary=b\r\ntransfer-encoding: chunked\r\n\r\n'
    )
    const chunk = (bytes: Uint8Array): void => {
      client.socket.write(`${bytes.byteLength.toString(16)}\r\n`)
      client.socket.write(bytes)
      client.socket.write('\r\n')
    }
    chunk(Buffer.from('--b\r\ncontent-disposition: form-data; name="file"; filename="3"\r\n\r\n'))
    for (let sentBytes = 0; sentBytes < 9 * MIB; sentBytes += MIB) chunk(large.subarray(0, MIB))
    await until('it is refused', () => client.body.includes('quota-exceeded'))
    t.equal(client.status, 507)
    t.match(
      (await ask('GET /api/me', undefined, cyd.token)).json,
      { used_bytes: 32 * MIB },
      'what was reserved is free'
    )
    t.equal(codeOf(await ask(`PATCH /api/users/${cyd.id}`, { quota_bytes: 50 * MIB }, admin.token)), '200')
    t.equal(await sent('3'), '201')

    const files = (await list(url, cyd.token)).files
    const running = await paused(url, cyd.token, files[0]?.file_id ?? '')
    t.equal((await ask(`DELETE /api/files/delete/${files[0]?.file_id}`, undefined, cyd.token)).status, 200)
    t.equal(await running.rest(), large.byteLength, 'who reads a file that is deleted has all of it')

    const doomed = await paused(url, cyd.token, files[1]?.file_id ?? '')
    await ask('POST /api/logout', {}, cyd.token)
    const endedAt = performance.now()
    await until('the edge holds nothing for it any more', () => edges.edges[0]?.memory.used === 0)
    t.ok(performance.now() - endedAt < 1000, `${performance.now() - endedAt} ms`)
    t.ok((await doomed.rest()) < large.byteLength, 'a session that has ended ends its downloads')
    t.ok(doomed.cut())
    const { json } = await ask('POST /api/login', { username: 'cyd', password: PASSWORD })
    t.equal((await fetchFile(url, String(json['access_token']), files[1]?.file_id ?? '')).status, 200)
  })

  await t.test('limits are those of the role, and not of strangers', async (t) => {
    const more = sampleBytes(21 * MIB, 4)
    const asAdmin = await store(url, admin.token, more, { name: 'large.bin' })
    t.equal(codeOf(asAdmin), '201')
    t.equal(
      (await ask(`DELETE /api/files/delete/${textOf(asAdmin, 'file_id')}`, undefined, admin.token)).status,
      200
    )
    t.equal((await fetch(`${url}/a.bin`, { method: 'PUT', body: new Uint8Array(20_000) })).status, 413)
  })
})
