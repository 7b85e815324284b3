/** Servers and their groups, over HTTP. */

import { createHash, randomUUID } from 'node:crypto'
import t from 'tap'
import { sampleBytes } from '../edge-cluster.ts'
import { PoolWorld, codeOf, sha256, startPool } from './pools-kit.ts'
import type { SentFile } from './pools-kit.ts'

const small = (name: string): SentFile => ({ name, bytes: Buffer.from(name), at: Date.now() })

const digestHeader = (bytes: Uint8Array): string =>
  `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`

t.test('a server takes a group, keeps it, and everybody gets its result', async (t) => {
  const world = await startPool(t)
  t.equal((await world.ask('POST work', { token: world.server })).status, 204, 'there is no work')
  const waiting = world.ask('POST work?wait=30', { token: world.server })
  const id = await world.closedGroup([small('a'), small('b')])
  const taken = await waiting
  t.match([taken.status, taken.json['group'], taken.json['state']], [200, id, 'processing'])
  t.match(taken.json, { attempts: 1, files: 2, producers: 1, lease_until: String, fence: Number })
  t.equal((await world.ask('POST work', { token: world.server })).status, 204, 'it is given once')
  const { fence } = taken.json
  const renewed = await world.ask(`POST groups/${id}/renew`, { token: world.server, body: { fence } })
  t.equal(renewed.status, 200)
  t.equal(codeOf(await world.ask(`GET groups/${id}/result`, { token: world.listener })), '404 result-unknown')

  const bytes = sampleBytes(123_456)
  const path = `groups/${id}/result?fence=${String(fence)}&name=${encodeURIComponent('../mean Ø.bin')}`
  const headers = { 'content-type': 'application/x-model', 'x-metadata': '{"round":"1"}' }
  const bad = await world.raw('PUT', path, bytes, world.server, {
    ...headers,
    'repr-digest': digestHeader(sampleBytes(5))
  })
  t.equal(codeOf(bad), '409 checksum-mismatch')
  const done = await world.raw('PUT', path, bytes, world.server, {
    ...headers,
    'repr-digest': digestHeader(bytes)
  })
  t.equal(done.status, 201, JSON.stringify(done.json))
  const result = {
    name: 'mean Ø.bin',
    media_type: 'application/x-model',
    size: bytes.byteLength,
    sha256: sha256(bytes),
    metadata: { round: '1' }
  }
  t.match(done.json, { state: 'done', result })
  const again = await world.raw('PUT', path, bytes, world.server, headers)
  t.match([again.status, again.json['state']], [200, 'done'], 'whose answer was lost')
  for (const token of [world.owner.token, world.producer, world.listener, world.server]) {
    const got = await world.fetch(`groups/${id}/result`, token)
    t.equal(got.status, 200)
    t.ok(got.bytes.equals(bytes))
    t.match(got.headers.get('content-disposition'), /mean/)
  }
  const part = await world.fetch(`groups/${id}/result`, world.listener, { range: 'bytes=10-19' })
  t.ok(part.bytes.equals(bytes.subarray(10, 20)))
  const etag = part.headers.get('etag') ?? ''
  t.equal((await world.fetch(`groups/${id}/result`, world.listener, { 'if-none-match': etag })).status, 304)
  t.match((await world.ask('GET results', { token: world.listener })).json, {
    groups: [{ group: id, result }]
  })
  t.match((await world.ask(`GET groups/${id}/producers`, { token: world.server })).json, {
    producers: [{ user: world.producerId, files: 2 }],
    next: null
  })
})

t.test('a server whose answer was lost is given the same group again', async (t) => {
  const world = await startPool(t)
  const token = world.server
  const id = await world.closedGroup([small('a')])
  const request = randomUUID()
  const first = await world.ask(`POST work?request=${request}`, { token })
  t.match([first.status, first.json['group']], [200, id])
  const again = await world.ask(`POST work?wait=30&request=${request}`, { token })
  t.strictSame([again.status, again.json], [200, first.json])
  t.equal((await world.ask(`POST work?request=${randomUUID()}`, { token })).status, 204)
  t.equal(codeOf(await world.ask('POST work?request=mine', { token })), '422 invalid-field')
})

t.test('of two servers at once one has a group; who lost it can do nothing with it any more', async (t) => {
  const world = await startPool(t)
  const second = (await world.join('server')).token
  const ids = [await world.closedGroup([small('a')])]
  const answers = await Promise.all(
    Array.from({ length: 8 }, async (_, index) =>
      world.ask('POST work', { token: index % 2 === 0 ? world.server : second })
    )
  )
  const won = answers.filter(({ status }) => status === 200)
  t.equal(won.length, 1, 'exactly one')
  const fence = Number(won[0]?.json['fence'])
  const isFirst = answers.findIndex(({ status }) => status === 200) % 2 === 0
  const [holder, other] = isFirst ? [world.server, second] : [second, world.server]
  const [id = ''] = ids
  t.equal(
    codeOf(await world.ask(`POST groups/${id}/renew`, { token: other, body: { fence } })),
    '409 lease-lost'
  )
  const stale = await world.raw('PUT', `groups/${id}/result?fence=${fence}`, 'x', other)
  t.equal(codeOf(stale), '409 lease-lost')
  const later = await world.raw('PUT', `groups/${id}/result?fence=${fence + 1}`, 'x', holder)
  t.equal(codeOf(later), '409 lease-lost', 'a fence that was never given')

  const failed = await world.ask(`POST groups/${id}/failure`, {
    token: holder,
    body: { fence, reason: 'no memory', final: true }
  })
  t.match([failed.status, failed.json['state'], failed.json['failure']], [200, 'failed', 'no memory'])
  t.equal(codeOf(await world.raw('PUT', `groups/${id}/result?fence=${fence}`, 'x', holder)), '409 lease-lost')
  t.equal((await world.ask(`POST groups/${id}/retry`, { token: other })).status, 200)
  t.equal(codeOf(await world.ask(`POST groups/${id}/retry`, { token: other })), '409 group-state')
  const taken = await world.lease(other)
  t.ok(taken.fence > fence, 'the next lease has a greater number')
  t.equal((await world.raw('PUT', `groups/${id}/result?fence=${taken.fence}`, 'the mean', other)).status, 201)
  t.equal(
    codeOf(await world.raw('PUT', `groups/${id}/result?fence=${fence}`, 'late', holder)),
    '409 group-done'
  )
  const late = { token: holder, body: { fence, reason: 'x' } }
  t.equal(codeOf(await world.ask(`POST groups/${id}/failure`, late)), '409 group-done')
  t.equal((await world.fetch(`groups/${id}/result`, world.listener)).bytes.toString(), 'the mean')
})

t.test('a server that sends its result twice at once leaves the one that was announced', async (t) => {
  const world = await startPool(t)
  const id = await world.closedGroup([small('a')])
  const { fence } = await world.lease()
  const path = `groups/${id}/result?fence=${fence}`
  const sent = await Promise.all(
    Array.from({ length: 4 }, async (_, index) =>
      world.raw('PUT', path, sampleBytes(5000, index), world.server)
    )
  )
  t.ok(
    sent.some(({ status }) => status === 201),
    sent.map(codeOf).join()
  )
  const { json } = await world.ask(`GET groups/${id}`, { token: world.listener })
  const { bytes } = await world.fetch(`groups/${id}/result`, world.listener)
  t.equal(sha256(bytes), (json['result'] as { sha256: string }).sha256)
})

t.test('what is wrong with a request about work is told', async (t) => {
  const world = await startPool(t)
  const id = await world.closedGroup([small('a')])
  const { fence } = await world.lease()
  const put = async (query: string, bytes: Uint8Array | string, headers: Record<string, string> = {}) =>
    codeOf(await world.raw('PUT', `groups/${id}/result${query}`, bytes, world.server, headers))
  t.equal(await put('', 'x'), '422 invalid-field')
  t.equal(await put('?fence=x', 'x'), '422 invalid-field')
  t.equal(await put('?fence=0', 'x'), '422 invalid-field')
  t.equal(await put(`?fence=${fence}`, ''), '422 empty-file')
  t.equal(await put(`?fence=${fence}`, 'x', { 'x-metadata': '{"a":1}' }), '422 invalid-field')
  t.equal(await put(`?fence=${fence}`, 'x', { 'x-metadata': 'x' }), '422 invalid-field')
  t.equal(await put(`?fence=${fence}`, 'x', { 'repr-digest': 'sha-256=x' }), '422 invalid-field')
  const wrong = async (what: string, body: unknown) =>
    codeOf(await world.ask(`POST groups/${id}/${what}`, { token: world.server, body }))
  t.equal(await wrong('renew', {}), '422 invalid-field')
  t.equal(await wrong('failure', { fence, reason: '' }), '422 invalid-field')
  t.equal(await wrong('failure', { fence, reason: 'x'.repeat(1001) }), '422 invalid-field')
  t.equal(codeOf(await world.ask('POST work?group=x', { token: world.server })), '404 group-unknown')
  t.equal(codeOf(await world.ask('POST work?wait=x', { token: world.server })), '422 invalid-field')
  t.equal(
    codeOf(await world.ask(`POST groups/${randomUUID()}/renew`, { token: world.server, body: { fence } })),
    '409 lease-lost'
  )
})

t.test(
  'a server of another pool has nothing to do with it, and a pool that is deleted ends its work',
  async (t) => {
    const world = await startPool(t)
    const elsewhere = await PoolWorld.make(world.edges, {}, 'somebody else')
    const id = await world.closedGroup([small('a')])
    const { fence } = await world.lease()
    const foreign = elsewhere.server
    for (const what of [
      'POST work',
      `GET groups/${id}`,
      `GET groups/${id}/archive.tar`,
      `GET groups/${id}/result`
    ])
      t.equal(codeOf(await world.ask(what, { token: foreign })), '404 pool-unknown', what)
    t.equal(
      codeOf(await world.raw('PUT', `groups/${id}/result?fence=${fence}`, 'x', foreign)),
      '404 pool-unknown'
    )
    const own = await elsewhere.raw('PUT', `groups/${id}/result?fence=${fence}`, 'x', foreign)
    t.equal(codeOf(own), '404 group-unknown', 'nor by way of their own pool')
    t.equal(codeOf(await elsewhere.ask(`GET groups/${id}/manifest`, { token: foreign })), '404 group-unknown')
    const gone = await world.join('server')
    const waiting = world.ask('POST work?wait=30', { token: gone.token })
    t.equal((await world.ask('DELETE ', { token: world.owner.token })).status, 200)
    t.match(codeOf(await waiting), /^40[14] (?:pool-unknown|credentials-invalid)$/, 'who waits is told')
    const late = await world.raw('PUT', `groups/${id}/result?fence=${fence}`, 'x', world.server)
    t.equal(codeOf(late), '401 credentials-invalid', 'programs of the pool have ended')
    t.equal(codeOf(await world.ask(`GET groups/${id}`, { token: world.owner.token })), '404 pool-unknown')
  }
)
