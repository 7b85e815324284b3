/** The sender's page, without a browser; browser-sender.test.ts has one. */

import t from 'tap'
import type { SentAnswer } from '../../src/edge/sent-link.ts'
import { until } from '../kit/until.ts'
import { curl, RawClient } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import { codeOf, DAY_MS, JSON_ONLY, later, look, newSecret, PAGE, post } from './sender-kit.ts'

t.setTimeout(400_000)

/** Files that do not fit into the buffers of sockets. */
const SIZE = 30_000_000

/** A download that stands still once it has begun. */
async function begin(directUrl: string, claim: string): Promise<RawClient> {
  const client = await RawClient.open(directUrl)
  client.write(`GET ${new URL(directUrl).pathname}?claim=${claim} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await until('the body has begun', () => client.bodyBytes > 0)
  client.socket.pause()
  return client
}

t.test('what a sender sees', async (t) => {
  const { url } = await startEdges(t)
  const bytes = sampleBytes(500_000)

  t.test('of a link that nobody has used', async (t) => {
    const share = await upload(url(), bytes, { name: 'report <1>.pdf', fields: { downloads: '2' } })
    t.match(share.senderUrl, new RegExp(`^${url()}/s/[\\w-]{24}$`))
    t.equal(share.senderUrl.split('/').at(-1), new URL(share.deleteUrl).searchParams.get('secret'))
    const seen = await look(share.senderUrl)
    t.match(seen, {
      name: 'report <1>.pdf',
      size: bytes.length,
      sha256: share.sha256,
      state: 'live',
      activity: 'waiting',
      expiresAt: share.expiresAt,
      revocable: true,
      downloads: 2,
      downloadsLeft: 2,
      claims: [],
      next: null
    })
    t.equal(seen.extendableUntil, later({ expiresAt: seen.createdAt }, 30 * DAY_MS))
    const page = await fetch(share.senderUrl, { headers: PAGE })
    t.equal(page.status, 200)
    t.match(page.headers.get('content-type'), 'text/html')
    t.equal(page.headers.get('referrer-policy'), 'no-referrer')
    t.equal(page.headers.get('x-robots-tag'), 'noindex')
    t.equal(page.headers.get('cache-control'), 'no-store')
    t.match(page.headers.get('content-security-policy'), /script-src 'self'.*frame-ancestors 'none'/)
    const html = await page.text()
    t.match(html, 'report &lt;1&gt;.pdf')
    t.notOk(html.includes('report <1>'))
    t.match(html, seen.message)
    t.notOk(html.includes(share.url.split('/').at(-1) ?? ''), 'the server does not know the token')
    t.equal(await (await fetch(share.senderUrl)).text(), `report <1>.pdf: ${seen.message}\n`)
    const head = await fetch(share.senderUrl, { method: 'HEAD', headers: JSON_ONLY })
    t.same([head.status, await head.text()], [200, ''])
    t.equal((await fetch(share.directUrl)).status, 200, 'looking spent nothing')
  })

  t.test('of downloads: one that finished, and one that was never begun', async (t) => {
    const share = await upload(url(), bytes, { fields: { downloads: '3' } })
    t.ok(bytes.equals(Buffer.from(await (await fetch(share.directUrl)).arrayBuffer())))
    await until(
      'the download is finished',
      async () => (await look(share.senderUrl)).claims[0]?.outcome === 'finished'
    )
    const seen = await look(share.senderUrl)
    t.match(seen, {
      state: 'live',
      activity: 'waiting',
      downloadsLeft: 2,
      message: 'It was downloaded once so far; 2 downloads are left.'
    })
    t.match(seen.claims, [
      {
        outcome: 'finished',
        title: 'Finished',
        bytesSent: bytes.length,
        bytesCovered: bytes.length,
        endedAt: String
      }
    ])
    const [claim] = seen.claims
    t.ok(Math.abs(Date.parse(claim?.claimedAt ?? '') - Date.now()) < 60_000)
    t.ok(Date.parse(claim?.servedUntil ?? '') > Date.now(), 'the grace runs')
    const html = await (await fetch(share.senderUrl, { headers: PAGE })).text()
    t.match(html, '>Finished</strong>')
  })

  t.test('of one that is used up', async (t) => {
    const share = await upload(url(), bytes)
    await (await fetch(share.directUrl)).arrayBuffer()
    await until('it is done', async () => (await look(share.senderUrl)).activity === 'done')
    t.match(await look(share.senderUrl), {
      state: 'taken',
      downloadsLeft: 0,
      extendableUntil: null,
      revocable: true
    })
    const html = await (await fetch(share.senderUrl, { headers: PAGE })).text()
    t.match(html, 'This link has been used', 'the preview says what its recipient sees now')
    t.notOk(html.includes('value="extend"'), 'and it cannot be kept longer')
    t.equal(
      await codeOf(await post(share.senderUrl, { action: 'extend', expires: '999999' }), 410),
      'link-used'
    )
  })
})

t.test('a preview shows what the recipient sees, and has nothing to press', async (t) => {
  const { url } = await startEdges(t)
  const share = await upload(url(), sampleBytes(1000), { name: 'a.txt' })
  const html = await (await fetch(share.senderUrl, { headers: PAGE })).text()
  const preview = html.slice(html.indexOf('id="preview"'))
  t.match(preview, 'A file for you')
  t.match(preview, 'This can be downloaded once.')
  t.match(preview, /<button [^>]*disabled>Download<\/button>/)
  t.notMatch(preview, /<form|name="claim"|href=/)
})

t.test('a download is followed while it runs, and when it breaks off', async (t) => {
  const { url } = await startEdges(t, {
    config: {
      edge: { uploadBytesMax: SIZE, stallMs: 60_000 },
      link: { reportIntervalMs: 10, leaseMs: 15_000 }
    }
  })
  const share = await upload(url(), sampleBytes(SIZE), { fields: { downloads: '2' } })
  using client = await begin(share.directUrl, newSecret())
  const claimed = async () => (await look(share.senderUrl)).claims[0]
  await until('it is seen', async () => ((await claimed())?.bytesCovered ?? 0) > 0)
  const seen = await look(share.senderUrl)
  t.match(seen, { state: 'live', activity: 'downloading', downloadsLeft: 1 })
  t.match(seen.claims, [{ outcome: 'running', endedAt: null, servedUntil: String }])
  t.ok((seen.claims[0]?.bytesCovered ?? 0) < SIZE)
  client.socket.destroy()
  await until('its lease is over', async () => (await claimed())?.outcome === 'broken-off', 120_000)
  await until('and its end was noticed', async () => (await claimed())?.endedAt !== null)
  t.match(await look(share.senderUrl), {
    activity: 'waiting',
    claims: [{ title: 'Broken off', detail: /counts as a download/, servedUntil: null }]
  })
})

t.test('a download that could not be begun is told as such, and not counted', async (t) => {
  const edges = await startEdges(t, {
    config: { replication: { getTimeoutMs: 300, slowReadMs: 50, putTimeoutMs: 5000 } }
  })
  const share = await upload(edges.url(), sampleBytes(1000))
  const edge = edges.edges[0]?.participant.peer
  if (edge === undefined) throw new Error('no edge')
  for (const node of edges.cluster.nodes) edges.cluster.hub.cut(edge, node.peer)
  t.equal((await fetch(share.directUrl)).status, 503)
  await until(
    'it was given back',
    async () => (await look(share.senderUrl)).claims[0]?.outcome === 'given-back'
  )
  t.match(await look(share.senderUrl), { state: 'live', downloadsLeft: 1, claims: [{ title: 'Not begun' }] })
})

t.test('many downloads come in pages, the newest first', async (t) => {
  const { url } = await startEdges(t)
  const share = await upload(url(), sampleBytes(10), { fields: { downloads: '60' } })
  for (let i = 0; i < 60; i++) await (await fetch(share.directUrl)).arrayBuffer()
  const first = await look(share.senderUrl)
  t.equal(first.claims.length, 50)
  const rest = await look(`${share.senderUrl}?after=${first.next}`)
  t.equal(rest.claims.length, 10)
  t.equal(rest.next, null)
  const all = [...first.claims, ...rest.claims]
  t.equal(new Set(all.map(({ id }) => id)).size, 60)
  t.same(
    all.map(({ claimedAt }) => claimedAt),
    all
      .map(({ claimedAt }) => claimedAt)
      .toSorted()
      .toReversed()
  )
  const html = await (await fetch(share.senderUrl, { headers: PAGE })).text()
  t.match(html, `?after=${first.next}`)
  t.equal(
    await codeOf(await fetch(`${share.senderUrl}?after=nonsense`, { headers: JSON_ONLY }), 422),
    'invalid-field'
  )
})

t.test('withdrawing', async (t) => {
  const { url } = await startEdges(t, {
    config: { edge: { uploadBytesMax: SIZE, stallMs: 60_000 }, link: { reportIntervalMs: 10 } }
  })

  t.test('a browser is led back to the page, and a program is told', async (t) => {
    const one = await upload(url(), sampleBytes(1000))
    const done = await post(one.senderUrl, { action: 'revoke' }, PAGE)
    t.equal(done.status, 303)
    t.equal(done.headers.get('location'), new URL(one.senderUrl).pathname)
    t.match(await look(one.senderUrl), {
      state: 'revoked',
      activity: 'over',
      revocable: false,
      downloadsLeft: 0
    })
    t.equal(await codeOf(await fetch(one.directUrl, { headers: JSON_ONLY }), 410), 'link-revoked')
    const page = await (await fetch(one.senderUrl, { headers: PAGE })).text()
    t.notOk(page.includes('value="revoke"'), 'there is nothing left to withdraw')
    const two = await upload(url(), sampleBytes(1000))
    const told = await post(two.senderUrl, { action: 'revoke' })
    t.equal(told.status, 200)
    t.match(await told.json(), { state: 'revoked' })
    t.equal((await post(two.senderUrl, { action: 'revoke' })).status, 200, 'again is fine')
    const three = await upload(url(), sampleBytes(1000), { name: 'x' })
    const { stdout } = await curl(['-d', 'action=revoke', three.senderUrl])
    t.match(stdout.toString(), /^x: You withdrew it/)
  })

  t.test('cuts a download that runs', async (t) => {
    const share = await upload(url(), sampleBytes(SIZE))
    using client = await begin(share.directUrl, newSecret())
    t.equal((await post(share.senderUrl, { action: 'revoke' })).status, 200)
    client.socket.resume()
    await until('the download ends', () => client.closed)
    t.ok(client.bodyBytes < SIZE)
    t.match(await look(share.senderUrl), {
      state: 'revoked',
      activity: 'over',
      claims: [{ outcome: 'broken-off' }]
    })
  })
})

t.test('extending', async (t) => {
  const { url } = await startEdges(t)

  t.test('to a time, or by seconds from now, and never to an earlier time', async (t) => {
    const share = await upload(url(), sampleBytes(1000), { fields: { expires: '3600' } })
    const expiresAt = later(share, DAY_MS)
    const done = await post(share.senderUrl, { action: 'extend', expiresAt })
    t.equal(done.status, 200)
    t.match(await done.json(), { state: 'live', expiresAt })
    const again = await post(share.senderUrl, { action: 'extend', expiresAt, expires: '' }, PAGE)
    t.equal(again.status, 303, 'again, as a browser does')
    t.match(
      await (await fetch(share.url, { headers: JSON_ONLY })).json(),
      { expiresAt },
      'its recipient sees it'
    )
    t.equal(
      await codeOf(await post(share.senderUrl, { action: 'extend', expires: '60' }), 422),
      'invalid-field'
    )
    const body = JSON.stringify({ action: 'extend', expires: 600_000 })
    const headers = { ...JSON_ONLY, 'content-type': 'application/json' }
    const byJson = await fetch(share.senderUrl, { method: 'POST', body, headers })
    const seen = (await byJson.json()) as SentAnswer
    t.ok(Math.abs(Date.parse(seen.expiresAt) - Date.now() - 600_000_000) < 60_000)
  })

  t.test('as long as possible, and no longer', async (t) => {
    const share = await upload(url(), sampleBytes(1000))
    const { extendableUntil } = await look(share.senderUrl)
    const latest = extendableUntil ?? ''
    const tooLate = { action: 'extend', expiresAt: later({ expiresAt: latest }, 1) }
    t.equal(await codeOf(await post(share.senderUrl, tooLate), 422), 'invalid-field')
    const page = await post(share.senderUrl, tooLate, PAGE)
    t.equal(page.status, 422)
    const html = await page.text()
    t.match(html, /role="alert" *>\s*expiresAt: this link can live until/, 'a person is told on the page')
    t.match(html, `value="${latest}"`)
    t.equal((await post(share.senderUrl, { action: 'extend', expiresAt: latest })).status, 200)
    t.match(await look(share.senderUrl), { expiresAt: latest, extendableUntil: null })
    t.notOk((await (await fetch(share.senderUrl, { headers: PAGE })).text()).includes('value="extend"'))
  })

  t.test('not when it is over', async (t) => {
    const share = await upload(url(), sampleBytes(1000), { fields: { expires: '1' } })
    await until('it has expired', async () => (await look(share.senderUrl)).state === 'expired')
    const extend = { action: 'extend', expires: '3600' }
    t.equal(await codeOf(await post(share.senderUrl, extend), 410), 'link-expired')
    const page = await post(share.senderUrl, extend, PAGE)
    t.equal(page.status, 410)
    t.match(await page.text(), 'This link has expired.')
  })

  t.test('what is no extension', async (t) => {
    const { senderUrl } = await upload(url(), sampleBytes(1000))
    for (const fields of [
      {},
      { action: 'delete' },
      { action: 'extend' },
      { action: 'extend', expires: '1e9' },
      { action: 'extend', expires: '-1' },
      { action: 'extend', expiresAt: 'tomorrow' },
      { action: 'extend', expiresAt: '99999-01-01T00:00:00Z' },
      { action: 'extend', expires: '600', expiresAt: '2030-01-01T00:00:00Z' }
    ])
      t.equal(await codeOf(await post(senderUrl, fields), 422), 'invalid-field', JSON.stringify(fields))
    const json = { ...JSON_ONLY, 'content-type': 'application/json' }
    for (const body of ['', '{', 'null', '[]', '"revoke"']) {
      const { status } = await fetch(senderUrl, { method: 'POST', body, headers: json })
      t.ok(status === 400 || status === 422, `${body}: ${status}`)
    }
    const large = await post(senderUrl, { action: 'x'.repeat(5000) })
    t.equal(await codeOf(large, 413), 'too-large')
    t.match(await look(senderUrl), { state: 'live' })
  })
})

t.test('a link is withdrawn and extended at once: it ends withdrawn, whoever was first', async (t) => {
  const { url } = await startEdges(t, { edges: 2 })
  for (let round = 0; round < 10; round++) {
    const share = await upload(url(), sampleBytes(10))
    const other = share.senderUrl.replace(url(0), url(1))
    const extend = () => post(other, { action: 'extend', expiresAt: later(share, DAY_MS) })
    const [revoked, extended, again] = await Promise.all([
      post(share.senderUrl, { action: 'revoke' }),
      extend(),
      extend()
    ])
    t.equal(revoked.status, 200)
    for (const answer of [extended, again])
      t.ok(answer.status === 200 || (await codeOf(answer, 410)) === 'link-revoked')
    t.match(await look(share.senderUrl), { state: 'revoked' })
    t.equal(await codeOf(await fetch(share.directUrl, { headers: JSON_ONLY }), 410), 'link-revoked')
  }
})
