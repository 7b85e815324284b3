/** The life of a file: stored, versions, listed, fetched in parts, renamed, restored, pruned, shared, deleted. */

import { createHash } from 'node:crypto'
import t from 'tap'
import { failpoints } from '../../../src/runtime/failpoints.ts'
import { until } from '../../kit/until.ts'
import { api, newAdmin, register, textOf } from '../accounts/accounts-kit.ts'
import { RawClient } from '../clients.ts'
import { sampleBytes, startEdges } from '../edge-cluster.ts'
import { codeOf, fetchFile, formOf, list, listAll, store, stored } from './files-kit.ts'

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const first = sampleBytes(300_000, 1)
const second = sampleBytes(200_000, 2)

t.test('the life of a file', async (t) => {
  const edges = await startEdges(t, { edges: 2 })
  const url = edges.url()
  const ann = await register(url, 'ann')
  const { token } = ann
  const ask = async (what: string, body?: object) =>
    await api(url, what, { token, ...(body !== undefined && { body }) })

  // stored
  const answer = await store(url, token, first, {
    name: 'report.pdf',
    type: 'application/pdf',
    before: { path: 'work/2026/', metadata: '{"project":"apollo"}' },
    after: { sha256: sha256Of(first) }
  })
  t.equal(answer.status, 201)
  const id = textOf(answer, 'file_id')
  t.match(answer.json, {
    message: 'The file was stored.',
    file_url: `${url}/api/files/download/${id}`,
    path: 'work/2026/report.pdf',
    version: 1,
    file_size: first.byteLength,
    status: 'cached'
  })
  t.equal(answer.headers.get('location'), answer.json['file_url'])

  // a further version, with every field behind the file, through the other edge
  const next = await store(edges.url(1), token, second, {
    name: 'x',
    after: {
      path: 'Work/2026/Report.pdf',
      metadata: '{"project":"gemini"}',
      md5: createHash('md5').update(second).digest('base64')
    }
  })
  t.match(next.json, { file_id: id, version: 2 }, 'where case differs it is the same file')

  // listed
  await stored(url, token, Buffer.from('x'), 'notes.txt')
  const root = await list(url, token)
  t.same([root.files.map(({ path }) => path), root.folders, root.next], [['notes.txt'], ['work'], null])
  t.same((await list(url, token, 'folder=work')).folders, ['work/2026'])
  const [listed] = (await list(url, token, 'folder=work/2026/')).files
  t.match(listed, {
    file_id: id,
    file_name: /report\.pdf/i,
    file_size: second.byteLength,
    media_type: 'application/octet-stream',
    version: 2,
    sha256: sha256Of(second),
    metadata: { project: 'gemini' },
    expires_at: null,
    owner_id: ann.id,
    error: null,
    failed: null
  })
  t.ok(Math.abs(Date.parse(String(listed?.['upload_date'])) - Date.now()) < 60_000)
  t.same(await listAll(url, token, 'search=REPORT&limit=1'), [listed?.path])
  t.same((await listAll(url, token, 'recursive=true&limit=1&sort=size&order=desc')).length, 2)

  // status
  await until('all copies are there', async () => {
    const { json } = await ask(`GET /api/files/${id}`)
    return json['status'] === 'uploaded_successfully'
  })

  // fetched, any number of times
  for (const edge of [url, edges.url(1), url]) {
    const whole = await fetchFile(edge, token, id)
    t.equal(whole.status, 200)
    t.ok(whole.bytes.equals(second))
  }
  const whole = await fetchFile(url, token, id)
  const etag = whole.headers.get('etag') ?? ''
  const modified = whole.headers.get('last-modified') ?? ''
  t.equal(etag, `"${sha256Of(second)}"`)
  t.match(whole.headers.get('content-disposition'), /^attachment; filename="?report\.pdf"?$/i)
  t.equal(whole.headers.get('content-type'), 'application/octet-stream')
  t.match(whole.headers.get('content-security-policy'), 'sandbox')
  t.equal(whole.headers.get('cache-control'), 'private, no-cache, no-transform')
  t.match(whole.headers.get('repr-digest'), /^sha-256=:/)

  await t.test('parts and conditions', async (t) => {
    const size = second.byteLength
    const get = async (headers: Record<string, string>, query = '') =>
      await fetchFile(url, token, id, { headers, query })
    const part = await get({ range: 'bytes=100-199' })
    t.equal(part.status, 206)
    t.equal(part.headers.get('content-range'), `bytes 100-199/${size}`)
    t.ok(part.bytes.equals(second.subarray(100, 200)))
    const rest = await get({ range: `bytes=${size - 10}-`, 'if-range': etag })
    t.ok(rest.bytes.equals(second.subarray(size - 10)), 'the rest of what one has')
    const other = await get({ range: 'bytes=0-9', 'if-range': '"other"' })
    t.same([other.status, other.bytes.byteLength], [200, size], 'of another everything')
    const outside = await get({ range: `bytes=${size}-` })
    t.same([outside.status, outside.headers.get('content-range')], [416, `bytes */${size}`])
    for (const headers of [
      { 'if-none-match': etag },
      { 'if-none-match': '*' },
      { 'if-modified-since': modified }
    ]) {
      const same = await get(headers)
      t.same([same.status, same.bytes.byteLength, same.headers.get('etag')], [304, 0, etag])
    }
    t.equal((await get({ 'if-none-match': '"other"' })).status, 200)
    const changed = await get({ 'if-match': '"other"' })
    t.equal(changed.status, 412)
    t.match(JSON.parse(changed.bytes.toString()), { code: 'precondition-failed' })
    const dated = await get({ range: 'bytes=0-0', 'if-range': modified })
    t.equal(dated.status, 200, 'a date does not tell two versions of one second apart')
    const pinned = await get({}, '?version=2')
    const since = pinned.headers.get('last-modified') ?? ''
    t.equal((await get({ range: 'bytes=0-0', 'if-range': since }, '?version=2')).status, 206)
    const head = await fetchFile(url, token, id, { method: 'HEAD', headers: { range: 'bytes=0-9' } })
    t.same(
      [head.status, head.headers.get('content-length'), head.headers.get('etag'), head.bytes.byteLength],
      [200, String(size), etag, 0]
    )
  })

  await t.test('versions', async (t) => {
    t.ok((await fetchFile(url, token, id, { query: '?version=1' })).bytes.equals(first))
    const listed = await ask(`GET /api/files/${id}/versions`)
    t.match(listed.json['versions'], [
      { version: 2, current: true, sha256: sha256Of(second) },
      {
        version: 1,
        current: false,
        sha256: sha256Of(first),
        metadata: { project: 'apollo' },
        media_type: 'application/pdf'
      }
    ])
    t.equal(codeOf(await ask(`GET /api/files/${id}?version=3`)), '404 version-unknown')
    t.match((await ask(`GET /api/files/${id}?version=1`)).json, { version: 1, file_size: first.byteLength })
    const before = (await fetchFile(url, token, id)).headers.get('last-modified') ?? ''
    const restored = await ask(`POST /api/files/${id}/restore`, { version: 1 })
    t.match([restored.status, restored.json], [200, { version: 3, sha256: sha256Of(first) }])
    const now = await fetchFile(url, token, id, { headers: { 'if-none-match': etag } })
    t.ok(now.bytes.equals(first), 'it is another one for who has the second')
    t.ok(Date.parse(now.headers.get('last-modified') ?? '') >= Date.parse(before), 'and no older than that')
    const pruned = await ask(`POST /api/files/${id}/prune`, { keep: 2 })
    t.match(pruned.json, { pruned: 1 })
    t.equal((await fetchFile(url, token, id, { query: '?version=1' })).status, 404)
    t.ok((await fetchFile(url, token, id)).bytes.equals(first), 'what it shares with a pruned one stays')
    t.equal((await ask(`DELETE /api/files/${id}/versions/3`)).status, 200)
    t.match((await ask(`GET /api/files/${id}`)).json, { version: 2 }, 'the one before counts')
  })

  await t.test('renamed, and what is said of it changed', async (t) => {
    const moved = await ask(`PATCH /api/files/${id}`, {
      path: 'archive/final.pdf',
      metadata: { a: 'b' },
      expires_in: 3600
    })
    t.match(moved.json, {
      file_id: id,
      path: 'archive/final.pdf',
      file_name: 'final.pdf',
      metadata: { a: 'b' }
    })
    const expiresMs = Date.parse(String(moved.json['expires_at'])) - Date.now()
    t.ok(expiresMs > 3_000_000 && expiresMs < 3_700_000)
    t.same((await list(url, token)).folders, ['archive'], 'a folder without files is gone')
    t.match((await fetchFile(url, token, id)).headers.get('content-disposition'), 'final.pdf')
    t.match((await ask(`PATCH /api/files/${id}`, { expires_in: null })).json, {
      expires_at: null,
      path: 'archive/final.pdf'
    })
    t.equal(codeOf(await ask(`PATCH /api/files/${id}`, { path: 'NOTES.txt' })), '409 path-taken')
    t.equal(codeOf(await ask(`PATCH /api/files/${id}`, { path: 'notes.txt/a' })), '409 path-conflict')
    t.equal(codeOf(await ask(`PATCH /api/files/${id}`, { path: '../a' })), '422 invalid-field')
    t.equal(codeOf(await ask(`PATCH /api/files/${id}`, {})), '422 invalid-field')
    t.equal(codeOf(await ask(`PATCH /api/files/${id}`, { owner: ann.id })), '422 invalid-field')
    const stale = await ask(`PATCH /api/files/${id}`, { path: 'elsewhere', base_version: 999 })
    t.match(stale, { status: 409, json: { code: 'version-conflict', version: moved.json['version'] } })
    const same = { path: 'archive/final.pdf', base_version: moved.json['version'] }
    t.equal(codeOf(await ask(`PATCH /api/files/${id}`, same)), '200')
    t.equal(codeOf(await ask(`DELETE /api/files/delete/${id}?version=999`)), '409 version-conflict')
    t.equal(codeOf(await ask(`DELETE /api/files/delete/${id}?version=x`)), '404 version-unknown')
    const from = { path: 'elsewhere', base_path: 'other.txt' }
    t.equal(codeOf(await ask(`PATCH /api/files/${id}`, from)), '409 version-conflict')
    t.equal(codeOf(await ask(`PATCH /api/files/${id}`, { ...from, path: same.path })), '200', 'it is there')
    t.equal(codeOf(await ask(`PATCH /api/files/${id}`, { ...from, base_path: '../a' })), '422 invalid-field')
    const pathless = { metadata: {}, base_path: same.path }
    t.equal(codeOf(await ask(`PATCH /api/files/${id}`, pathless)), '422 invalid-field')
    t.equal(codeOf(await ask(`DELETE /api/files/delete/${id}?path=other.txt`)), '409 version-conflict')
    t.equal(codeOf(await ask(`DELETE /api/files/delete/${id}?path=..`)), '422 invalid-field')
  })

  await t.test('where it is', async (t) => {
    const admin = await newAdmin(edges, 'root')
    for (const who of [token, admin.token]) {
      const { json } = await api(url, `GET /file/${id}`, { token: who })
      const chunks = json['chunks'] as Array<{ index: number; size: number; nodes: string[] }>
      t.match(json, { file_id: id, metadata: { a: 'b' }, next: null })
      t.same(
        chunks.map(({ index, size }) => [index, size]),
        [[0, second.byteLength]]
      )
      const peers = new Set(edges.cluster.nodes.map(({ peer }): string => peer))
      t.ok((chunks[0]?.nodes.length ?? 0) >= 2 && chunks[0]?.nodes.every((peer) => peers.has(peer)))
    }
    t.same(await listAll(url, admin.token), [], 'an administrator has own files')
    t.equal((await listAll(url, admin.token, 'owner=*')).length, 2, 'and sees those of everybody')
    t.equal((await listAll(url, admin.token, `owner=${ann.id}&recursive=true`)).length, 2)
    t.equal(
      codeOf(await api(url, `GET /api/files/list?owner=${admin.id}`, { token })),
      '403 permission-denied'
    )
    t.equal(codeOf(await api(url, 'GET /api/files/list?owner=*', { token })), '403 permission-denied')
  })

  await t.test('shared, and the link redeemed', async (t) => {
    const shared = await ask(`POST /api/files/${id}/share`, {
      downloads: 2,
      expires: 3600,
      password: 'open sesame'
    })
    t.match(
      [shared.status, shared.json],
      [201, { name: 'final.pdf', downloads: 2, passwordRequired: true, version: 2 }]
    )
    const direct = textOf(shared, 'directUrl')
    t.equal((await fetch(direct)).status, 401)
    const redeemed = await fetch(direct, { headers: { 'x-password': 'open sesame' } })
    t.ok(Buffer.from(await redeemed.arrayBuffer()).equals(second))
    await until('one download is left', async () => {
      const { json } = await ask(`GET /api/files/${id}/shares`)
      const [share] = json['shares'] as Array<Record<string, unknown>>
      return share?.['downloads_left'] === 1 && share['share'] === shared.json['share']
    })
    const { json } = await ask(`GET /api/files/${id}/shares`)
    t.match(json, { shares: [{ state: 'live', password_required: true, version: 2 }], next: null })
    t.notMatch(JSON.stringify(json), /open sesame|\/d\//)
    t.equal((await ask(`DELETE /api/files/${id}/shares/${String(shared.json['share'])}`)).status, 200)
    t.equal((await fetch(direct, { headers: { accept: 'application/json' } })).status, 410)
    t.equal(codeOf(await ask(`DELETE /api/files/${id}/shares/${'0'.repeat(16)}`)), '404 share-unknown')
    t.equal(codeOf(await ask(`POST /api/files/${id}/share`, { downloads: 100_000 })), '422 invalid-field')
  })

  await t.test('a client may go away once all bytes are in', async (t) => {
    let goOn = (): void => undefined
    let isReached = false
    const held = new Promise<void>((resolve) => (goOn = resolve))
    const disarm = failpoints.arm('upload.commit.beforeStore', {
      kind: 'run',
      run: async () => {
        isReached = true
        await held
      }
    })
    t.teardown(disarm)
    using client = await RawClient.open(url)
    const request = new Request(url, { method: 'POST', body: formOf(first, { name: 'left.bin' }) })
    const body = Buffer.from(await request.arrayBuffer())
    client.socket.write(
      `POST /api/files/upload HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n` +
        `content-type: ${request.headers.get('content-type') ?? ''}\r\ncontent-length: ${body.byteLength}\r\n\r\n`
    )
    client.socket.write(body)
    await until('all of it is there', () => isReached)
    client.socket.destroy()
    await until('it is gone', () => client.closed)
    disarm()
    goOn()
    await until('its file is there', async () => (await listAll(url, token)).includes('left.bin'))
  })

  // deleted, while it is shared
  const shared = await ask(`POST /api/files/${id}/share`, {})
  t.equal((await ask(`DELETE /api/files/delete/${id}`)).status, 200)
  t.equal((await ask(`DELETE /api/files/delete/${id}`)).status, 200, 'again')
  t.equal(codeOf(await ask(`GET /api/files/${id}`)), '404 file-unknown')
  t.equal((await fetchFile(url, token, id)).status, 404)
  t.equal((await fetch(textOf(shared, 'directUrl'), { headers: { accept: 'application/json' } })).status, 410)
  t.notOk((await listAll(url, token, 'recursive=1')).includes('archive/final.pdf'))
  t.match((await ask('GET /api/me')).json, { used_bytes: first.byteLength + 1 }, 'its space is free')
})
