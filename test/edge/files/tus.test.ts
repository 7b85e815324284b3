/** Uploads of users that go on later: whose they are, who reaches them, and what they become. */

import t from 'tap'
import { until } from '../../kit/until.ts'
import { api, newAdmin, newKey, register, signIn } from '../accounts/accounts-kit.ts'
import { sampleBytes, startEdges } from '../edge-cluster.ts'
import { codeOf, create, metadataOf, open, patch, tus } from '../tus-kit.ts'
import { fetchFile, list, listAll } from './files-kit.ts'

const bytes = sampleBytes(300_000, 1)
const SIZE = bytes.byteLength

t.test('uploads of users that go on later', async (t) => {
  const edges = await startEdges(t, {
    edges: 2,
    config: {
      account: { signInsPerMinute: 0, uploadBytesMax: 1_000_000, quotaBytes: 2_000_000 },
      edge: { uploadBytesMax: 10_000 }
    }
  })
  const [url, other] = [edges.url(0), edges.url(1)]
  const ann = await register(url, 'ann')
  const bob = await register(url, 'bob')
  const admin = await newAdmin(edges, 'root')
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const as = bearer(ann.token)

  /** Opens one for ann, and answers its path. */
  const begin = async (
    pairs: Record<string, string>,
    length = SIZE,
    headers: Record<string, string> = as
  ) => {
    const answer = await create(url, length, pairs, headers)
    if (answer.status !== 201) return await codeOf(answer)
    return new URL(answer.headers.get('location') ?? '').pathname
  }
  const head = async (path: string, headers: Record<string, string>) =>
    await tus('HEAD', other + path, { headers })

  const path = await begin({
    path: 'films/one.bin',
    filetype: 'video/mp4',
    metadata: '{"a":"b"}',
    expires: '3600'
  })
  t.match(path, /^\/files\//)

  await t.test('nobody else reaches one, who has its address too', async (t) => {
    const key = await newKey(url, ann.token, ['files:read'])
    const wrong = {
      nobody: [{}, 401],
      bob: [bearer(bob.token), 403],
      'an administrator': [bearer(admin.token), 403],
      'a key without the scope': [bearer(key), 403],
      'a bad token': [bearer('x'), 401]
    } as const
    for (const [who, [headers, status]] of Object.entries(wrong)) {
      t.equal((await head(path, headers)).status, status, `HEAD by ${who}`)
      t.equal((await tus('GET', url + path, { headers })).status, status, `GET by ${who}`)
      t.equal((await patch(url + path, 0, bytes, headers)).status, status, `PATCH by ${who}`)
      t.equal((await tus('DELETE', url + path, { headers })).status, status, `DELETE by ${who}`)
    }
    const standing = await head(path, as)
    t.same([standing.status, standing.headers.get('upload-offset')], [200, '0'], 'and nothing has come of it')
  })

  await t.test('parts go to several edges, and it becomes a file without a link', async (t) => {
    t.equal((await patch(url + path, 0, bytes.subarray(0, 100_000), as)).status, 204)
    t.equal((await head(path, as)).headers.get('upload-offset'), '100000')
    t.match(await (await tus('GET', other + path, { headers: as })).json(), { offset: 100_000, length: SIZE })
    const last = await patch(other + path, 100_000, bytes.subarray(100_000), as)
    t.equal(last.status, 204)
    const id = last.headers.get('x-file-id') ?? ''
    t.same([last.headers.get('x-file-version'), last.headers.get('x-link')], ['1', null])
    const ended = await head(path, as)
    t.same(
      [
        ended.status,
        ended.headers.get('upload-offset'),
        ended.headers.get('x-file-id'),
        ended.headers.get('x-file-version')
      ],
      [200, String(SIZE), id, '1']
    )
    t.match(await (await tus('GET', url + path, { headers: as })).json(), {
      file_id: id,
      path: 'films/one.bin',
      version: 1
    })
    for (const [who, status] of [
      [{}, 401],
      [bearer(bob.token), 403],
      [bearer(admin.token), 403]
    ] as const)
      t.equal((await head(path, who)).status, status, 'what has ended is its own as well')
    const [file] = (await list(url, ann.token, 'folder=films')).files
    t.match(file, {
      file_id: id,
      path: 'films/one.bin',
      media_type: 'video/mp4',
      metadata: { a: 'b' },
      expires_at: String
    })
    t.ok((await fetchFile(other, ann.token, id)).bytes.equals(bytes))

    const again = await begin({ path: 'films/one.bin', metadata: '{"a":"c"}' }, 10)
    const second = await patch(url + again, 0, bytes.subarray(0, 10), as)
    t.same(
      [second.headers.get('x-file-id'), second.headers.get('x-file-version')],
      [id, '2'],
      'a further version'
    )
  })

  await t.test('what makes it a file of a user, and what does not', async (t) => {
    t.equal(await begin({ account: '1', path: 'a' }, 10, {}), '401 credentials-missing', 'it asks for that')
    const { headers } = await api(url, 'POST /api/login', {
      body: { username: 'ann', password: 'correct horse battery', cookie: true }
    })
    const cookie = {
      cookie: (headers.get('set-cookie') ?? '').split(';')[0] ?? '',
      'sec-fetch-site': 'same-origin'
    }
    const link = await begin({ filename: 'link.bin' }, 10, cookie)
    const last = await patch(url + link, 0, bytes.subarray(0, 10))
    t.match(last.headers.get('x-link'), '/d/', 'a browser that is signed in shares a file as before')
    const byCookie = await begin({ path: 'by-cookie.bin' }, 10, cookie)
    t.equal(
      (await patch(url + byCookie, 0, bytes.subarray(0, 10), cookie)).headers.get('x-file-version'),
      '1'
    )
    const foreign = { ...cookie, origin: 'https://elsewhere.example', 'sec-fetch-site': 'cross-site' }
    t.equal(await begin({ path: 'foreign.bin' }, 10, foreign), '403 origin-forbidden')
    const named = await begin({ filename: 'holiday/one.bin' }, 10)
    await patch(url + named, 0, bytes.subarray(0, 10), as)
    t.ok(
      (await listAll(url, ann.token, 'recursive=1')).includes('holiday/one.bin'),
      'a program that shows a token means it'
    )
    const plain = await open(url, 10, { path: 'not-mine.bin' })
    t.match(
      (await patch(url + plain, 0, bytes.subarray(0, 10))).headers.get('x-link'),
      '/d/',
      'a stranger gets a link'
    )
  })

  await t.test('what is refused at once', async (t) => {
    t.equal(await begin({ path: '../a' }), '422 invalid-field')
    for (const pairs of [
      { password: 'x' },
      { downloads: '2' },
      { indexbytes: '5' },
      { metadata: '[]' },
      { expires: 'x' }
    ])
      t.equal(await begin({ path: 'a', ...pairs }), '422 invalid-field', JSON.stringify(pairs))
    t.equal(await begin({ path: 'a' }, 1_000_001), '413 too-large', "the user's limit")
    t.equal(await begin({ filename: 'a' }, 10_001, {}), '413 too-large', "and a stranger's")
    const options = async (headers: Record<string, string>) =>
      (await tus('OPTIONS', `${url}/files/`, { headers })).headers.get('tus-max-size')
    t.same([await options({}), await options(as)], ['10000', '1000000'])
    t.match(await begin({ path: 'b' }, 900_000), /^\/files/, 'its whole length is reserved')
    t.equal(await begin({ path: 'c' }, 900_000), '507 quota-exceeded')
    const long = metadataOf({ path: 'd', metadata: JSON.stringify({ a: '\u0001'.repeat(400) }) })
    const answer = await tus('POST', `${url}/files/`, {
      headers: { ...as, 'upload-length': '10', 'upload-metadata': long }
    })
    t.ok(answer.status < 500, `${answer.status}`)
  })

  await t.test('one that has no place in the end is over, and takes no space', async (t) => {
    const used = async () => Number((await api(url, 'GET /api/me', { token: ann.token })).json['used_bytes'])
    const before = await used()
    const wanted = { path: 'films/two.bin', only_new: '1' }
    const late = await begin(wanted, 10)
    const first = await begin(wanted, 10)
    t.equal((await patch(url + first, 0, bytes.subarray(0, 10), as)).status, 204)
    t.equal(await begin(wanted, 10), '409 path-taken', 'it is not even begun once there is one')
    t.equal(await used(), before + 20, 'and takes no space')
    t.equal(await codeOf(await patch(url + late, 0, bytes.subarray(0, 10), as)), '409 path-taken')
    t.equal((await head(late, as)).status, 410)
    const stale = await begin({ path: 'films/one.bin', base_version: '9' }, 10)
    t.equal(await codeOf(await patch(url + stale, 0, bytes.subarray(0, 10), as)), '409 version-conflict')
    t.equal((await head(stale, as)).status, 410)
    t.equal(await used(), before + 10)
  })

  await t.test('a session that ends leaves its upload to the next one', async (t) => {
    const token = await signIn(url, 'bob')
    const bobs = await begin({ path: 'bob.bin' }, SIZE, bearer(token))
    t.equal((await patch(url + bobs, 0, bytes.subarray(0, 50_000), bearer(token))).status, 204)
    await api(url, 'POST /api/logout', { token })
    t.equal((await patch(url + bobs, 50_000, bytes.subarray(50_000), bearer(token))).status, 401)
    const next = bearer(await signIn(url, 'bob'))
    const last = await patch(url + bobs, 50_000, bytes.subarray(50_000), next)
    t.equal(last.headers.get('x-file-version'), '1')
    const short = await signIn(url, 'bob')
    const cut = await begin({ path: 'cut.bin' }, SIZE, bearer(short))
    const slow = new ReadableStream<Uint8Array>({ start: (to) => to.enqueue(bytes.subarray(0, 100_000)) })
    const cutting = patch(url + cut, 0, slow, bearer(short))
    await until('a part is on its way', () => edges.edges[0]?.memory.used !== 0)
    await api(url, 'POST /api/logout', { token: short })
    const endedAt = performance.now()
    t.equal((await cutting).status, 401)
    t.ok(performance.now() - endedAt < 1000, `${performance.now() - endedAt} ms`)
    t.equal((await head(cut, next)).status, 200, 'and can be gone on with')
    const given = await begin({ path: 'given-up.bin' }, SIZE, next)
    t.equal((await tus('DELETE', url + given, { headers: next })).status, 204)
    t.equal((await head(given, next)).status, 410)
  })
})
