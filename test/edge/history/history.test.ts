/** What people do is found again: by themselves, by administrators, and by nobody else. */

import t from 'tap'
import type { HistoryAction } from '../../../src/history.ts'
import type { RecordAnswer } from '../../../src/edge/history/answers.ts'
import type { UserId } from '../../../src/types.ts'
import { historyRecord } from '../../conformance/metadata-history.ts'
import { until } from '../../kit/until.ts'
import { PASSWORD, api, newAdmin, newKey, register, signIn, textOf } from '../accounts/accounts-kit.ts'
import type { Answer, User } from '../accounts/accounts-kit.ts'
import { sampleBytes, startEdges, upload } from '../edge-cluster.ts'
import { listen } from '../events/listen-kit.ts'
import { fetchFile, stored } from '../files/files-kit.ts'
import { findRecord, recordsOf } from './records-kit.ts'

const edges = await startEdges(t, { edges: 2, config: { history: { sendMs: 20 } } })
const url = edges.url()
const ann = await register(url, 'Ann')
const bob = await register(url, 'Bob')
const admin = await newAdmin(edges, 'Root')

const ask = async (path: string, { token }: User): Promise<Answer> => api(url, `GET ${path}`, { token })
const find = async (who: User, path: string, like: Partial<RecordAnswer>): Promise<RecordAnswer> =>
  findRecord(like, async () => ask(path, who))
const log = async (like: Partial<RecordAnswer>) => find(admin, '/api/access-log', like)

t.test('signing in, up and out, with right passwords and wrong ones', async (t) => {
  t.match(await find(ann, '/api/history', { action: 'register' }), {
    actor_id: ann.id,
    actor_name: 'Ann',
    owner_id: ann.id,
    outcome: 'ok',
    address: '127.0.0.1'
  })
  const wrong = { username: `${' '.repeat(500)}aNN `, password: 'not this one' }
  t.equal((await api(url, 'POST /api/login', { body: wrong })).status, 401)
  t.match(
    await find(ann, '/api/history', { action: 'login-failed' }),
    { actor_id: null, actor_name: 'Ann', owner_id: ann.id, outcome: 'login-failed', address: '127.0.0.1' },
    'she sees that somebody tried, however they typed the name'
  )
  const mistyped = { username: 'correct horse battery staple', password: PASSWORD }
  await api(url, 'POST /api/login', { body: mistyped })
  const nobody = await log({ action: 'login-failed', owner_id: null })
  t.equal(nobody.actor_name, null, 'what is nobody’s name may be a password, and is not kept')
  const token = await signIn(url, 'Ann')
  t.match(await find(ann, '/api/history', { action: 'login' }), { actor_id: ann.id, outcome: 'ok' })
  await api(url, 'POST /api/logout', { token })
  t.match(await find(ann, '/api/history', { action: 'logout' }), { actor_id: ann.id })
  await newKey(url, ann.token, ['files:read'])
  t.match(await find(ann, '/api/history', { action: 'key.created' }), { detail: 'a program' })
})

t.test('what an administrator does to an account its user sees, and not from where', async (t) => {
  const body = { role: 'user', quota_bytes: 5_000_000 }
  await api(url, `PATCH /api/users/${bob.id}`, { token: admin.token, body })
  const seen = await find(bob, '/api/history', { action: 'user.quota' })
  t.match(seen, {
    actor_id: admin.id,
    actor_name: 'Root',
    owner_id: bob.id,
    detail: '5000000',
    address: null
  })
  t.match(await log({ action: 'user.quota' }), { address: '127.0.0.1', session_id: String })
  t.match(await find(bob, '/api/history', { action: 'user.role' }), { detail: 'user' })
})

t.test('uploads and redemptions of links, by whoever it was', async (t) => {
  const bytes = sampleBytes(300_000)
  const { id, url: page, directUrl, deleteUrl } = await upload(url, bytes, { name: 'public.bin' })
  t.match(await log({ action: 'link.upload', file_id: id }), {
    actor_id: null,
    owner_id: null,
    path: 'public.bin',
    bytes: 300_000,
    attempts: 1,
    duration_ms: Number,
    outcome: 'ok',
    address: '127.0.0.1'
  })
  // through the other edge
  const direct = directUrl.replace(url, edges.url(1))
  await (await fetch(direct)).arrayBuffer()
  t.match(await log({ action: 'link.download', file_id: id, outcome: 'ok' }), {
    path: 'public.bin',
    bytes: 300_000,
    attempts: 1,
    duration_ms: Number,
    address: '127.0.0.1'
  })
  t.equal((await fetch(direct)).status, 410)
  t.match(await log({ action: 'link.download', file_id: id, outcome: 'link-used' }), { bytes: 0 })
  const all = JSON.stringify(recordsOf(await ask('/api/access-log?limit=200', admin)))
  for (const secret of [page, directUrl, deleteUrl, PASSWORD, ann.token].map((text) =>
    text.split(/[/=]/).at(-1)
  ))
    t.notMatch(all, secret ?? '', 'no token, secret or password stands in it')
  t.same(
    recordsOf(await ask(`/api/access-log?file=${id}&order=oldest`, admin)).map(({ outcome }) => outcome),
    ['ok', 'ok', 'link-used']
  )
})

t.test('an upload in parts is recorded once, when it ends, with how long it took in all', async (t) => {
  const bytes = new Uint8Array(sampleBytes(2000, 3))
  const tus = { 'tus-resumable': '1.0.0' }
  const name = `filename ${Buffer.from('parts.bin').toString('base64')}`
  const created = await fetch(`${url}/files/`, {
    method: 'POST',
    headers: { ...tus, 'upload-length': String(bytes.byteLength), 'upload-metadata': name }
  })
  const place = created.headers.get('location') ?? ''
  for (const [from, to] of [
    [0, 500],
    [500, 2000]
  ] as const) {
    const part = { ...tus, 'upload-offset': String(from), 'content-type': 'application/offset+octet-stream' }
    await fetch(place, { method: 'PATCH', headers: part, body: bytes.slice(from, to) })
    await fetch(place, { method: 'HEAD', headers: tus })
  }
  const like = { action: 'link.upload', path: 'parts.bin' } as const
  t.match(await log(like), { bytes: 2000, duration_ms: Number, outcome: 'ok', file_id: String })
  const all = recordsOf(await ask('/api/access-log?action=link.upload', admin))
  t.equal(all.filter(({ path }) => path === 'parts.bin').length, 1)
  t.notMatch(JSON.stringify(all), place.split('/').at(-1) ?? '', 'and the address of the upload is not in it')
})

t.test('a download that was cut off says how far it came', async (t) => {
  const { id, directUrl } = await upload(url, sampleBytes(8_000_000))
  const leaving = new AbortController()
  const answer = await fetch(directUrl, { signal: leaving.signal })
  await answer.body?.getReader().read()
  leaving.abort()
  const { bytes } = await log({ action: 'link.download', file_id: id, outcome: 'aborted' })
  t.ok(bytes !== null && bytes > 0 && bytes < 8_000_000, `${bytes} bytes`)
})

t.test(
  'whatever happens to a file its owner sees, and an administrator: strangers that had a link too',
  async (t) => {
    const { token } = ann
    const heard = await listen(t, url, ann, { query: { types: 'upload.status' } })
    const id = await stored(url, token, sampleBytes(50_000), 'plans/a.bin')
    const own = async (like: Partial<RecordAnswer>) => find(ann, `/api/history?file=${id}`, like)
    const hers = { actor_id: ann.id, actor_name: 'Ann', owner_id: ann.id, file_id: id, outcome: 'ok' }
    t.match(await own({ action: 'upload' }), {
      ...hers,
      path: 'plans/a.bin',
      version: 1,
      bytes: 50_000,
      attempts: 1,
      duration_ms: Number,
      address: '127.0.0.1',
      session_id: String
    })
    await until('its status is told', () =>
      heard.events.some(({ data }) => data['status'] === 'uploaded_successfully')
    )
    t.match(heard.events, [
      {
        type: 'upload.status',
        subject: id,
        owner: ann.id,
        data: { file_id: id, version: 1, actor_id: null, status: 'cached', error: null, file_size: 50_000 }
      },
      { subject: id, data: { version: 1, status: 'uploaded_successfully' } }
    ])
    heard.leave()
    await api(url, `PATCH /api/files/${id}`, { token, body: { path: 'plans/b.bin' } })
    t.match(await own({ action: 'rename' }), { ...hers, path: 'plans/a.bin', detail: 'plans/b.bin' })
    await api(url, `PATCH /api/files/${id}`, { token, body: { metadata: { a: 'b' } } })
    await fetchFile(url, token, id, { headers: { range: 'bytes=0-99' } })
    t.match(await own({ action: 'download' }), {
      ...hers,
      path: 'plans/b.bin',
      bytes: 100,
      detail: 'bytes 0-99/50000'
    })
    const shared = await api(url, `POST /api/files/${id}/share`, { token, body: {} })
    t.match(await own({ action: 'share' }), { ...hers, version: 1, detail: textOf(shared, 'share') })
    await (await fetch(textOf(shared, 'directUrl'))).arrayBuffer()
    const fetched = {
      action: 'link.download',
      actor_id: null,
      owner_id: ann.id,
      file_id: id,
      version: 1
    } as const
    t.match(await own({ action: 'link.download' }), {
      ...fetched,
      path: 'plans/b.bin',
      bytes: 50_000,
      outcome: 'ok',
      address: '127.0.0.1'
    })
    t.match(await log({ action: 'link.download', file_id: id }), fetched)
    t.equal((await fetchFile(url, bob.token, id)).status, 403)
    t.match(await own({ outcome: 'permission-denied' }), {
      action: 'download',
      actor_id: bob.id,
      actor_name: 'Bob',
      owner_id: ann.id,
      address: null
    })
    const turnedAway = await find(bob, '/api/history', { outcome: 'permission-denied' })
    t.match(turnedAway, { file_id: id, path: null, owner_id: null }, 'he learns nothing')
    await api(url, `DELETE /api/files/delete/${id}`, { token })
    t.match(await own({ action: 'delete' }), { ...hers, path: 'plans/b.bin' }, 'by the path that it had')
    const all = recordsOf(await ask(`/api/history?file=${id}&order=oldest`, ann)).map(({ action }) => action)
    t.same(
      all.filter((action) => action !== 'upload.status'),
      ['upload', 'rename', 'download', 'share', 'link.download', 'download', 'delete'],
      'each once, and nothing else'
    )
  }
)

t.test('nobody sees what is another’s', async (t) => {
  for (const path of ['/api/access-log', `/api/users/${ann.id}/history`]) {
    t.equal((await ask(path, bob)).status, 403, path)
    t.equal((await ask(path, admin)).status, 200, path)
  }
  const { controller } = await edges.cluster.client('edge')
  const actor = { user: bob.id as UserId, role: 'user' } as const
  for (const whose of [{}, { of: ann.id as UserId }])
    await t.rejects(
      controller.call('listHistory', { actor, limit: 10, ...whose }),
      { code: 'permission-denied' },
      'the controller decides, whatever an edge lets through'
    )
  const own = recordsOf(await ask('/api/history?limit=200', bob))
  t.ok(own.length > 0)
  t.ok(own.every(({ actor_id: actor, owner_id: owner }) => actor === bob.id || owner === bob.id))
  t.equal((await ask(`/api/users/${crypto.randomUUID()}/history`, admin)).status, 404)
  const blind = await newKey(url, admin.token, ['files:read', 'admin'])
  t.equal((await api(url, 'GET /api/history', { token: blind })).status, 403)
})

t.test('filters, pages, and what is no filter', async (t) => {
  const actions = async (query: string): Promise<HistoryAction[]> =>
    recordsOf(await ask(`/api/access-log?${query}`, admin)).map(({ action }) => action)
  t.ok((await actions('action=link.download')).every((action) => action === 'link.download'))
  const byName = await actions('user=ann&limit=200')
  t.same(byName, await actions(`user=${ann.id}&limit=200`), 'by name and by id')
  t.ok(byName.length > 3 && byName.includes('login-failed'))
  t.same(await actions('from=2020-01-01&to=2020-01-02'), [])
  t.ok((await actions('from=2020-01-01T00:00:00%2B01:00')).length > 3)
  const paged: HistoryAction[] = []
  for (let after = ''; ;) {
    const answer = await ask(`/api/access-log?user=ann&limit=2${after}`, admin)
    paged.push(...recordsOf(answer).map(({ action }) => action))
    if (answer.json['next'] === null) break
    after = `&after=${textOf(answer, 'next')}`
  }
  t.same(paged, byName)
  for (const bad of ['limit=0', 'limit=201', 'after=x', 'from=today', 'file=x', 'action=all', 'colour=red']) {
    const { status, json } = await ask(`/api/access-log?${bad}`, admin)
    t.match({ status, json }, { status: 422, json: { code: 'invalid-field' } }, bad)
  }
  t.equal((await ask('/api/access-log?user=nobody+here', admin)).status, 404)
})

/** As if an edge had noted them. */
async function record(...records: Array<Parameters<typeof historyRecord>>): Promise<void> {
  const { controller } = edges.edges[0]?.participant ?? {}
  await controller?.call('recordHistory', {
    records: records.map(([name, fields]) => ({
      ...historyRecord(name, fields),
      at: edges.cluster.clock.now()
    }))
  })
}

t.test('all of it as JSON lines, however much that is', async (t) => {
  for (let batch = 0; batch < 4; batch++)
    await record(
      ...Array.from({ length: 150 }, (_, i): Parameters<typeof historyRecord> => [
        `export ${batch} ${i}`,
        { owner: bob.id as UserId, path: 'x'.repeat(1000), action: 'prune' }
      ])
    )
  const lines = async (path: string, headers: Record<string, string> = {}): Promise<RecordAnswer[]> => {
    const answer = await fetch(`${url}${path}`, {
      headers: { authorization: `Bearer ${admin.token}`, ...headers }
    })
    t.match(answer.headers.get('content-type'), 'application/x-ndjson')
    const text = await answer.text()
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as RecordAnswer)
  }
  const all = await lines('/api/access-log?format=jsonl')
  t.ok(all.length > 600)
  t.equal(new Set(all.map(({ id }) => id)).size, all.length, 'each once')
  t.same(
    all.map(({ seq }) => seq),
    all.map(({ seq }) => seq).toSorted((a, b) => b - a)
  )
  const some = await lines(`/api/users/${bob.id}/history?action=prune&order=oldest`, {
    accept: 'application/x-ndjson'
  })
  t.equal(some.length, 600)
  const plain = await ask(`/api/users/${bob.id}/history?action=prune&limit=200`, admin)
  t.ok(recordsOf(plain).length < 200, 'a page ends where a message is full')
  t.type(plain.json['next'], 'string')
})

t.test('what an edge noted last is with the controller when it has stopped', async (t) => {
  edges.cluster.config.history.sendMs = 60_000
  const last = await edges.addEdge()
  const body = { username: 'Bob', password: 'the last one' }
  await api(last.edge.url, 'POST /api/login', { body })
  t.same(recordsOf(await ask('/api/history?action=login-failed', bob)), [])
  await last.edge.stop()
  t.match(recordsOf(await ask('/api/history?action=login-failed', bob)), [{ actor_name: 'Bob' }])
})
