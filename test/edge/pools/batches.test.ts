/** Batches, in each of the ways in which they come. */

import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Answer } from '../accounts/accounts-kit.ts'
import { api, newKey, register } from '../accounts/accounts-kit.ts'
import { sampleBytes } from '../edge-cluster.ts'
import { create, patch, tus } from '../tus-kit.ts'
import { HOUR_MS, announced, codeOf, formOf, manifestOf, startPool } from './pools-kit.ts'
import type { PoolWorld, SentFile } from './pools-kit.ts'

const now = Date.now()
const FILES: readonly SentFile[] = [
  { name: 'a.bin', bytes: sampleBytes(70_000), at: now - 2000, metadata: { run: '7' } },
  { name: 'sub/Düne.csv', bytes: Buffer.from('x,y\n1,2\n'), at: now - 1000, mediaType: 'text/csv' }
]
const small = (name: string, at = now): SentFile => ({ name, bytes: Buffer.from(`bytes of ${name}`), at })

/** Names of what a group has, by its manifest. */
async function namesIn(world: PoolWorld, group: unknown): Promise<string[]> {
  const { bytes } = await world.fetch(`groups/${String(group)}/manifest`, world.owner.token)
  return bytes
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { name: string }).name)
}

const missingOf = ({ json }: Answer): unknown =>
  (json['missing'] as Array<{ index: number }>).map(({ index }) => index)

t.test('a batch in one request counts as a whole, once, however often it is sent', async (t) => {
  const world = await startPool(t, { settings: { frequency_s: 3600 } })
  const batch = randomUUID()
  const sent = await world.send(FILES, world.producer, batch)
  t.equal(sent.status, 201, JSON.stringify(sent.json))
  t.match(sent.json, {
    batch,
    state: 'committed',
    files: 2,
    duplicates: 0,
    missing: [],
    member: world.producerId
  })
  const again = await world.send(FILES, world.producer, batch)
  t.match(
    [again.status, again.json['state']],
    [200, 'committed'],
    'sent again it answers, and changes nothing'
  )
  const groups = await world.groups()
  const names = (await Promise.all(groups.map(async ({ group }) => await namesIn(world, group)))).flat()
  t.same(names.toSorted(), ['a.bin', 'sub/Düne.csv'])
  const member = await world.ask('GET ', { token: world.producer })
  t.ok((member.json['member'] as { last_sent_at: string | null }).last_sent_at)

  const other = await world.send(FILES)
  t.match(other.json, { state: 'committed', duplicates: 2 }, 'another batch with the same files doubles none')
  const after = await world.groups()
  t.same(
    after.map(({ files }) => files),
    groups.map(({ files }) => files)
  )
})

t.test('a form may have its manifest as a file, and call its files by their index', async (t) => {
  const world = await startPool(t)
  const form = new FormData()
  const text = JSON.stringify(manifestOf(FILES))
  form.append('manifest', new Blob([text], { type: 'application/json' }), 'manifest.json')
  for (const [index, { bytes }] of FILES.entries())
    form.append(String(index), new Blob([new Uint8Array(bytes)]), 'x')
  const sent = await world.ask('POST batches', { token: world.producer, body: form })
  t.match([sent.status, sent.json['state']], [201, 'committed'], JSON.stringify(sent.json))
})

t.test('a form that does not bring what it says commits nothing, and can be gone on with', async (t) => {
  const world = await startPool(t)
  const files = [small('a'), small('b'), small('c')]
  const [a, b, c] = files as [SentFile, SentFile, SentFile]
  const formWith = (batch: string, parts: ReadonlyArray<[field: string, bytes: Buffer]>): FormData => {
    const form = new FormData()
    form.append('manifest', JSON.stringify(manifestOf(files, batch)))
    for (const [field, bytes] of parts) form.append(field, new Blob([new Uint8Array(bytes)]), 'x')
    return form
  }
  const cases: Array<[parts: Array<[string, Buffer]>, code: string, index: number, missing: number[]]> = [
    [[['file', a.bytes]], '409 batch-incomplete', 1, [1, 2]],
    [
      [
        ['file', a.bytes],
        ['file', c.bytes]
      ],
      '409 checksum-mismatch',
      1,
      [1, 2]
    ],
    [
      [
        ['0', a.bytes],
        ['2', c.bytes]
      ],
      '422 invalid-field',
      1,
      [1, 2]
    ],
    [
      [
        ['file', a.bytes],
        ['file', Buffer.concat([b.bytes, b.bytes])]
      ],
      '409 checksum-mismatch',
      1,
      [1, 2]
    ],
    [
      [
        ['file', a.bytes],
        ['file', b.bytes],
        ['file', c.bytes],
        ['file', c.bytes]
      ],
      '422 invalid-field',
      3,
      []
    ]
  ]
  for (const [parts, code, index, missing] of cases) {
    const batch = randomUUID()
    const body = formWith(batch, parts)
    const sent = await world.ask('POST batches', { token: world.producer, body })
    t.equal(codeOf(sent), code)
    t.equal(sent.json['index'], index)
    const left = await world.ask(`GET batches/${batch}?missing=1`, { token: world.producer })
    t.equal(left.json['state'], 'open')
    t.same(missingOf(left), missing)
    t.same(await world.groups(), [], 'nothing counts')
    await world.ask(`DELETE batches/${batch}`, { token: world.producer })
  }
  const batch = randomUUID()
  await world.ask('POST batches', { token: world.producer, body: formWith(batch, [['file', a.bytes]]) })
  const rest = await world.ask('POST batches', { token: world.producer, body: formOf(files, batch) })
  t.match([rest.status, rest.json['state']], [201, 'committed'], 'the same form, whole')
})

t.test('announced as JSON, its files come one by one, and in any order', async (t) => {
  const world = await startPool(t)
  const batch = randomUUID()
  const opened = await world.announce(FILES, world.producer, batch)
  t.equal(opened.status, 201)
  t.equal(opened.headers.get('location'), `/api/pools/${world.pool}/batches/${batch}`)
  t.match(opened.json, { state: 'open', files: 2, missing: [{ index: 0, name: 'a.bin' }, { index: 1 }] })
  t.equal((await world.announce(FILES, world.producer, batch)).status, 200, 'announced again')
  const early = await world.ask(`POST batches/${batch}/commit`, { token: world.producer })
  t.equal(codeOf(early), '409 batch-incomplete')
  t.equal(early.json['index'], 0)
  const [first, second] = FILES as [SentFile, SentFile]
  t.match(await world.put(batch, 1, second.bytes), { status: 201, json: { index: 1, state: 'stored' } })
  t.match(await world.put(batch, 1, second.bytes), { status: 200, json: { index: 1, state: 'stored' } })
  t.same(missingOf(await world.ask(`GET batches/${batch}?missing=1`, { token: world.producer })), [0])
  const listed = await world.ask(`GET batches/${batch}?limit=1`, { token: world.owner.token })
  t.match(listed.json, { listed: [{ index: 0, state: 'declared' }], next: '0' })

  t.equal(codeOf(await world.put(batch, 0, sampleBytes(70_000, 2))), '409 checksum-mismatch', 'other bytes')
  t.equal(codeOf(await world.put(batch, 0, sampleBytes(10))), '409 checksum-mismatch', 'fewer')
  t.equal(codeOf(await world.put(batch, 0, '')), '422 empty-file')
  t.equal(codeOf(await world.put(batch, 2, first.bytes)), '404 file-unknown')
  t.equal(codeOf(await world.raw('PUT', `batches/${batch}/files/x`, 'y', world.producer)), '404 file-unknown')
  t.equal(codeOf(await world.put(randomUUID(), 0, first.bytes)), '404 batch-unknown')
  const both = await Promise.all([world.put(batch, 0, first.bytes), world.put(batch, 0, first.bytes)])
  t.ok(
    both.every(({ status }) => status === 200 || status === 201),
    'twice at once'
  )
  const committed = await world.ask(`POST batches/${batch}/commit`, { token: world.producer })
  t.match([committed.status, committed.json['state']], [200, 'committed'])
  t.equal((await world.ask(`POST batches/${batch}/commit`, { token: world.producer })).status, 200)
  t.equal(codeOf(await world.put(batch, 0, first.bytes)), '409 batch-closed')
  t.equal(codeOf(await world.ask(`DELETE batches/${batch}`, { token: world.producer })), '409 batch-closed')
})

t.test('what is longer than announced is refused where its length was not given, too', async (t) => {
  const world = await startPool(t)
  const batch = randomUUID()
  await world.announce([small('a')], world.producer, batch)
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1000))
  })
  const answer = await fetch(`${world.url}/api/pools/${world.pool}/batches/${batch}/files/0`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${world.producer}` },
    body: endless,
    duplex: 'half'
  })
  t.equal(answer.status, 409)
  t.match(await answer.json(), { code: 'checksum-mismatch' })
})

t.test('a file of a batch comes by tus, through two edges, and ends where the batch needs it', async (t) => {
  const world = await startPool(t, { edges: 2 })
  const { url, pool, edges } = world
  const batch = randomUUID()
  const bytes = sampleBytes(300_000)
  const file = { name: 'long.bin', bytes, at: now }
  await world.announce([file], world.producer, batch)
  const pairs = { pool, batch, index: '0' }
  const auth = { authorization: `Bearer ${world.producer}` }
  const wrong = await create(url, 5, pairs, auth)
  t.match(await wrong.json(), { code: 'checksum-mismatch' }, 'another length')
  t.equal((await create(url, bytes.byteLength, pairs)).status, 401)
  const foreign = await create(url, bytes.byteLength, pairs, { authorization: `Bearer ${world.listener}` })
  t.match(await foreign.json(), { code: 'permission-denied' }, 'a listener does not send')
  const made = await create(url, bytes.byteLength, pairs, auth)
  t.equal(made.status, 201)
  const path = new URL(made.headers.get('location') ?? '').pathname
  t.equal((await patch(`${url}${path}`, 0, bytes.subarray(0, 100_000), auth)).status, 204)
  const peek = await tus('HEAD', `${edges.url(1)}${path}`, { headers: auth })
  t.equal(peek.headers.get('upload-offset'), '100000')
  const other = { authorization: `Bearer ${world.listener}` }
  t.equal((await tus('HEAD', `${url}${path}`, { headers: other })).status, 403, 'nobody else goes on with it')
  const last = await patch(`${edges.url(1)}${path}`, 100_000, bytes.subarray(100_000), auth)
  t.equal(last.status, 204, await last.text())
  const done = await tus('HEAD', `${url}${path}`, { headers: auth })
  t.equal(done.headers.get('upload-offset'), '300000', 'whose answer was lost asks again')
  t.equal((await tus('HEAD', `${url}${path}`, { headers: other })).status, 403)
  t.same(missingOf(await world.ask(`GET batches/${batch}`, { token: world.producer })), [])
  const repeated = await create(url, bytes.byteLength, pairs, auth)
  t.match(await repeated.json(), { code: 'path-taken', index: 0 })
  const committed = await world.ask(`POST batches/${batch}/commit`, { token: world.producer })
  t.equal(committed.json['state'], 'committed')

  // a key without the scope, and a file that is nobody's batch
  const user = await register(url, 'somebody')
  const key = await newKey(url, user.token, ['files:write'])
  const scoped = await create(url, 5, pairs, { authorization: `Bearer ${key}` })
  t.match(await scoped.json(), { code: 'permission-denied' })
})

t.test('a batch of 10,000 files is announced in pages', async (t) => {
  const world = await startPool(t)
  const files = Array.from({ length: 10_000 }, (_, index) => ({
    name: `f${index}`,
    bytes: Buffer.from('the same'),
    at: now - index
  }))
  const batch = randomUUID()
  const body = { ...manifestOf([], batch), files: files.map(announced) }
  const opened = await world.ask('POST batches', { token: world.producer, body })
  t.equal(opened.status, 201, JSON.stringify(opened.json).slice(0, 500))
  t.match(opened.json, { files: 10_000, state: 'open' })
  t.equal((opened.json['missing'] as unknown[]).length, 1000, 'the first of those that are awaited')
  t.equal((await world.put(batch, 9999, 'the same')).status, 201)
  const tail = await world.ask(`GET batches/${batch}?after=9990`, { token: world.producer })
  t.equal((tail.json['listed'] as unknown[]).length, 9)
  t.match((tail.json['listed'] as unknown[]).at(-1), { index: 9999, state: 'stored' })
  const more = { ...body, batch: randomUUID(), files: [...body.files, body.files[0]] }
  t.equal(
    codeOf(await world.ask('POST batches', { token: world.producer, body: more })),
    '413 batch-too-large'
  )
})

t.test('long metadata make shorter pages', async (t) => {
  const world = await startPool(t)
  const files = Array.from({ length: 120 }, (_, index) => ({
    ...small(`f${index}`),
    metadata: { note: 'é'.repeat(2000) }
  }))
  t.equal((await world.announce(files)).status, 201)
})

t.test('whoever is no member any more brings nothing to its end', async (t) => {
  const world = await startPool(t)
  const user = await register(world.url, 'leaving')
  const owner = { token: world.owner.token }
  await world.ask('POST members', { ...owner, body: { name: 'leaving', role: 'producer' } })
  const file = { name: 'a', bytes: sampleBytes(20_000), at: now }
  const batch = randomUUID()
  t.equal((await world.announce([file], user.token, batch)).status, 201)
  let release = (): void => {}
  const removed = new Promise<void>((resolve) => (release = resolve))
  let isFirst = true
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      if (isFirst) {
        isFirst = false
        controller.enqueue(new Uint8Array(file.bytes.subarray(0, 10_000)))
        return
      }
      await removed
      controller.enqueue(new Uint8Array(file.bytes.subarray(10_000)))
      controller.close()
    }
  })
  const sending = fetch(`${world.url}/api/pools/${world.pool}/batches/${batch}/files/0`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${user.token}` },
    body,
    duplex: 'half'
  })
  t.equal((await world.ask(`DELETE members/${user.id}`, owner)).status, 200)
  release()
  const answer = await sending
  t.match([answer.status, await answer.json()], [404, { code: 'pool-unknown' }])
  t.equal(codeOf(await world.ask(`POST batches/${batch}/commit`, { token: user.token })), '404 pool-unknown')
  t.equal(codeOf(await api(world.url, `GET /api/pools/${world.pool}/batches/${batch}`, owner)), '200')
  t.same(await world.groups(), [])
})

t.test('files go into the windows of their own times', async (t) => {
  const world = await startPool(t, { settings: { frequency_s: 3600 } })
  const start = Math.floor(now / HOUR_MS) * HOUR_MS
  const at = [start - 5 * HOUR_MS, start - 5 * HOUR_MS + 1, start - 2 * HOUR_MS, start]
  const sent = await world.send(at.map((time, index) => small(`f${index}`, time)))
  t.equal(sent.status, 201, JSON.stringify(sent.json))
  const groups = await world.groups()
  t.same(
    groups.map(({ start: from, files, late }) => [Date.parse(String(from)), files, late]),
    [
      [start, 1, false],
      [start - 2 * HOUR_MS, 1, true],
      [start - 5 * HOUR_MS, 2, true]
    ]
  )
  const bounded = await world.groups(`?from=${start - 2 * HOUR_MS}&to=${new Date(start - 1).toISOString()}`)
  t.equal(bounded.length, 1)
  const paged = await world.ask('GET groups?limit=2', { token: world.listener })
  const next = await world.ask(`GET groups?limit=2&before=${String(paged.json['next'])}`, {
    token: world.listener
  })
  t.equal((next.json['groups'] as unknown[]).length, 1)
})
