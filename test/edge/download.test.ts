import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { curl, RawClient } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import { until } from '../kit/until.ts'
import { testFolder } from '../kit/test-folder.ts'

const NAVIGATION = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36',
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document'
}
const JSON_ONLY = { accept: 'application/json' }
const newSecret = (): string => randomBytes(32).toString('base64url')
const bytesOf = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer())

t.test('redeeming', async (t) => {
  const { url } = await startEdges(t, { edges: 2, config: { edge: { uploadBytesMax: 40_000_000 } } })
  const base = url()
  const bytes = sampleBytes(9_000_000)
  const share = async (options: Parameters<typeof upload>[2] = {}, content = bytes) =>
    upload(base, content, options)
  const codeOf = async (answer: Response): Promise<string> => ((await answer.json()) as { code: string }).code

  t.test('a program gets the file with everything a client needs, once', async (t) => {
    const { directUrl, url: page } = await share({ name: 'Übersicht "1".pdf' })
    const answer = await fetch(directUrl)
    t.equal(answer.status, 200)
    t.ok(bytes.equals(await bytesOf(answer)))
    const header = (name: string): string => answer.headers.get(name) ?? ''
    const claim = /^"([\w-]{43})"$/.exec(header('etag'))?.[1] ?? ''
    t.ok(claim, 'a strong ETag')
    t.equal(header('content-length'), String(bytes.length))
    t.equal(header('content-type'), 'application/octet-stream')
    t.equal(header('accept-ranges'), 'bytes')
    t.equal(header('repr-digest'), `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`)
    t.match(
      header('content-disposition'),
      /^attachment; filename="\?bersicht \\"1\\".pdf"; filename\*=UTF-8''%C3%9Cbersicht%20%221%22\.pdf$/
    )
    t.equal(header('x-content-type-options'), 'nosniff')
    t.equal(header('content-security-policy'), "sandbox; default-src 'none'")
    t.equal(header('cache-control'), 'no-store, no-transform')
    t.equal(header('referrer-policy'), 'no-referrer')
    t.equal(header('x-robots-tag'), 'noindex')
    const path = new URL(directUrl).pathname
    t.equal(header('content-location'), `${path}?claim=${claim}`)
    t.match(
      header('set-cookie'),
      new RegExp(`^peerbin-claim=${claim}; Max-Age=\\d+; Path=${path}; HttpOnly; SameSite=Lax$`)
    )
    const again = await fetch(directUrl, { headers: JSON_ONLY })
    t.equal(again.status, 410)
    t.equal(await codeOf(again), 'link-used')
    t.equal((await fetch(page, { headers: JSON_ONLY })).status, 410)
  })

  t.test('curl -OJ saves it under its name', async (t) => {
    const { directUrl } = await share({ name: 'curl.bin' })
    const dir = testFolder(t, {})
    const { code } = await curl(['-OJ', '--output-dir', dir, directUrl])
    t.equal(code, 0)
    const { readFile } = await import('node:fs/promises')
    t.ok(bytes.equals(await readFile(`${dir}/curl.bin`)))
  })

  t.test('nothing that only looks spends a link', async (t) => {
    const { directUrl, url: page } = await share()
    const looks: Array<[string, RequestInit]> = [
      [directUrl, { headers: NAVIGATION }],
      [directUrl, { headers: { 'user-agent': 'Slackbot-LinkExpanding 1.0' } }],
      [directUrl, { headers: { 'sec-purpose': 'prefetch' } }],
      [directUrl, { headers: { purpose: 'prefetch', accept: '*/*' } }],
      [directUrl, { method: 'HEAD' }],
      [directUrl, { method: 'HEAD', headers: NAVIGATION }],
      [directUrl, { method: 'HEAD', headers: { range: 'bytes=0-0' } }],
      [page, { headers: NAVIGATION }],
      [page, { method: 'HEAD' }],
      [page, {}]
    ]
    for (const [address, init] of looks) {
      const answer = await fetch(address, init)
      t.equal(answer.status, 200, JSON.stringify(init))
      const isFile = (answer.headers.get('content-disposition') ?? '').startsWith('attachment')
      t.equal(
        isFile,
        init.method === 'HEAD' && address === directUrl && init.headers !== looks[5]?.[1].headers,
        'headers of the file for HEAD of programs only'
      )
      t.equal(answer.headers.get('etag'), null)
      t.equal(answer.headers.get('set-cookie'), null)
      await answer.arrayBuffer()
    }
    const unsatisfiable = await fetch(directUrl, {
      headers: { range: `bytes=${bytes.length}-`, ...JSON_ONLY }
    })
    t.equal(unsatisfiable.status, 416)
    t.equal(unsatisfiable.headers.get('content-range'), `bytes */${bytes.length}`)
    t.equal(await codeOf(unsatisfiable), 'range-not-satisfiable')
    t.equal((await fetch(`${directUrl}?claim=short`)).status, 422)
    const head = await fetch(directUrl, { method: 'HEAD' })
    t.equal(head.headers.get('content-length'), String(bytes.length))
    t.ok(bytes.equals(await bytesOf(await fetch(directUrl))), 'and it is still there')
  })

  t.test('the page shows what there is to know and redeems by its button', async (t) => {
    const { url: page } = await share({ name: '<b>.txt' })
    const html = await (await fetch(page, { headers: NAVIGATION })).text()
    t.match(html, '&lt;b&gt;.txt')
    t.match(html, '8.6 MB')
    const claim = /name="claim" value="([\w-]{43})"/.exec(html)?.[1] ?? ''
    const press = () =>
      fetch(page, {
        method: 'POST',
        body: new URLSearchParams({ claim }),
        headers: NAVIGATION,
        redirect: 'manual'
      })
    const answer = await press()
    t.equal(answer.status, 303)
    const location = answer.headers.get('location') ?? ''
    t.equal(location, `${new URL(page).pathname.replace('/d/', '/download/')}?claim=${claim}`)
    t.equal((await press()).headers.get('location'), location, 'pressing again is asking again')
    const file = await fetch(new URL(location, base), { headers: NAVIGATION })
    t.equal(file.status, 200)
    t.ok(bytes.equals(await bytesOf(file)))
    const later = await fetch(page, { headers: NAVIGATION })
    t.equal(later.status, 410)
    t.match(await later.text(), 'This link has been used')
    const stranger = await fetch(page, { method: 'POST', headers: NAVIGATION, redirect: 'manual' })
    t.equal(stranger.status, 410)
    t.match(await stranger.text(), 'This link has been used')
    const nonsense = await fetch(page, {
      method: 'POST',
      body: new URLSearchParams({ claim: 'x' }),
      headers: JSON_ONLY
    })
    t.equal(nonsense.status, 422)
  })

  t.test('the claimant resumes by each of three ways, from any edge; nobody else does', async (t) => {
    const { directUrl } = await share()
    const other = directUrl.replace(base, url(1))
    using first = await RawClient.open(base)
    first.write(`GET ${new URL(directUrl).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await until('some of the body is there', () => first.bodyBytes > 100_000)
    first.socket.destroy()
    const etag = first.header('etag') ?? ''
    const claim = etag.slice(1, -1)
    const tail = bytes.subarray(5_000_000)
    const range = { range: 'bytes=5000000-' }
    const ways: Array<[string, Record<string, string>]> = [
      [other, { ...range, 'if-range': etag }],
      [other, { ...range, cookie: `peerbin-claim=${claim}` }],
      [`${other}?claim=${claim}`, range],
      [`${other}?claim=${claim}`, { ...range, ...NAVIGATION }]
    ]
    for (const [address, headers] of ways) {
      const answer = await fetch(address, { headers })
      t.equal(answer.status, 206)
      t.equal(answer.headers.get('content-range'), `bytes 5000000-${bytes.length - 1}/${bytes.length}`)
      t.equal(answer.headers.get('etag'), etag)
      t.ok(tail.equals(await bytesOf(answer)))
    }
    for (const headers of [
      range,
      { ...range, 'if-range': `"${newSecret()}"` },
      { ...range, cookie: `peerbin-claim=${newSecret()}` }
    ]) {
      const answer = await fetch(other, { headers: { ...headers, ...JSON_ONLY } })
      t.equal(answer.status, 410)
      t.equal(await codeOf(answer), 'link-used')
    }
    const stranger = await fetch(`${other}?claim=${newSecret()}`, { headers: JSON_ONLY })
    t.equal(stranger.status, 410)
    const head = await fetch(`${other}?claim=${claim}`, { method: 'HEAD' })
    t.equal(head.headers.get('etag'), etag)
    t.equal(head.headers.get('content-length'), String(bytes.length))
  })

  t.test('ranges of the claimant', async (t) => {
    const { directUrl } = await share()
    const address = `${directUrl}?claim=${newSecret()}`
    const get = (headers: Record<string, string>) => fetch(address, { headers })
    const part = await get({ range: 'bytes=4194300-4194310' })
    t.equal(part.status, 206)
    t.ok(bytes.subarray(4_194_300, 4_194_311).equals(await bytesOf(part)), 'over the border of two chunks')
    t.ok(bytes.subarray(-5).equals(await bytesOf(await get({ range: 'bytes=-5' }))))
    const several = await get({ range: 'bytes=0-1,5-6' })
    t.equal(several.status, 200)
    t.ok(bytes.equals(await bytesOf(several)), 'several ranges are answered with the whole')
    t.equal((await get({ range: 'bytes=9000000-' })).status, 416)
    const stale = await get({ range: 'bytes=0-0', 'if-range': 'Wed, 21 Oct 2026 07:28:00 GMT' })
    t.equal(stale.status, 200)
    await stale.arrayBuffer()
  })

  t.test('a claim that was asked for twice is one claim', async (t) => {
    const { directUrl } = await share({ fields: { downloads: '2' } })
    const mine = `${directUrl}?claim=${newSecret()}`
    t.ok(bytes.equals(await bytesOf(await fetch(mine))))
    t.ok(bytes.equals(await bytesOf(await fetch(mine.replace(base, url(1))))))
    t.ok(bytes.equals(await bytesOf(await fetch(directUrl))), 'the second slot is still there')
    t.equal((await fetch(directUrl)).status, 410)
  })

  t.test('unknown links, and texts that are none, are 404', async (t) => {
    for (const token of ['a'.repeat(24), 'short', 'x'.repeat(8000), '%00', '..%2F..']) {
      for (const path of ['d', 'download']) {
        const answer = await fetch(`${base}/${path}/${token}`, { headers: JSON_ONLY })
        t.equal(answer.status, 404, `${path} ${token.slice(0, 30)}`)
        t.equal(await codeOf(answer), 'link-unknown')
      }
    }
    const page = await fetch(`${base}/d/${'a'.repeat(24)}`, { headers: NAVIGATION })
    t.match(await page.text(), 'This link does not exist')
    t.equal((await fetch(`${base}/d/short`, { method: 'DELETE' })).status, 404)
    t.equal((await fetch(`${base}/d/short`, { method: 'POST' })).status, 404)
  })

  t.test('expired links say so', async (t) => {
    const { directUrl, url: page } = await share({ fields: { expires: '1' } }, sampleBytes(10))
    await until('the link has expired', async () => (await fetch(page)).status === 410)
    t.equal(await codeOf(await fetch(page, { headers: JSON_ONLY })), 'link-expired')
    t.equal(await codeOf(await fetch(directUrl, { headers: JSON_ONLY })), 'link-expired')
    t.match(await (await fetch(page, { headers: NAVIGATION })).text(), 'This link has expired')
  })

  t.test('the sender withdraws a link with its delete URL, and nobody without it', async (t) => {
    const { directUrl, deleteUrl, url: page } = await share({}, sampleBytes(10))
    t.equal((await fetch(page, { method: 'DELETE' })).status, 403)
    t.equal(
      await codeOf(await fetch(`${page}?secret=wrong`, { method: 'DELETE', headers: JSON_ONLY })),
      'delete-forbidden'
    )
    const { stdout } = await curl(['-X', 'DELETE', '-w', '%{http_code}', deleteUrl])
    t.equal(stdout.toString(), '204')
    t.equal((await fetch(deleteUrl, { method: 'DELETE' })).status, 204, 'again is fine')
    t.equal(await codeOf(await fetch(directUrl, { headers: JSON_ONLY })), 'link-revoked')
    for (const header of ['x-delete-secret', 'authorization'] as const) {
      const one = await share({}, sampleBytes(10))
      const secret = new URL(one.deleteUrl).searchParams.get('secret') ?? ''
      const value = header === 'authorization' ? `Bearer ${secret}` : secret
      t.equal((await fetch(one.url, { method: 'DELETE', headers: { [header]: value } })).status, 204)
    }
  })

  t.test('withdrawing a link cuts a download that is running', async (t) => {
    const large = sampleBytes(30_000_000) // more than the sockets' buffers hold
    const { directUrl, deleteUrl } = await share({}, large)
    using client = await RawClient.open(base)
    client.write(`GET ${new URL(directUrl).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await until('the body has begun', () => client.bodyBytes > 0)
    client.socket.pause()
    t.equal((await fetch(deleteUrl, { method: 'DELETE' })).status, 204)
    // reading goes on slowly, so that progress is reported: its answer tells the edge
    const ticking = setInterval(
      () => (client.socket.isPaused() ? client.socket.resume() : client.socket.pause()),
      20
    )
    await until('the connection is closed', () => client.closed)
    clearInterval(ticking)
    t.ok(client.bodyBytes < large.length, 'and not everything came')
  })
})
