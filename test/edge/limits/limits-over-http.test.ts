/** Limits by address and role, as clients meet them. */

import t from 'tap'
import { until } from '../../kit/until.ts'
import { RawClient, curl } from '../clients.ts'
import { sampleBytes, startEdges, upload } from '../edge-cluster.ts'

const JSON_ONLY = { accept: 'application/json' }
const TRUSTED = { port: 0, trustedProxies: ['127.0.0.1'] }

const put = (url: string, address: string, bytes: Uint8Array, headers: Record<string, string> = JSON_ONLY) =>
  fetch(`${url}/a.bin`, {
    method: 'PUT',
    body: new Uint8Array(bytes),
    headers: { ...headers, 'x-forwarded-for': address }
  })

t.test('uploads and bytes of one address are limited, whatever it says of itself', async (t) => {
  const { url } = await startEdges(t, {
    config: { edge: TRUSTED, anonymous: { uploadsPerHour: 3, dailyBytesMax: 50_000 } }
  })
  const bytes = sampleBytes(1000)
  for (let i = 1; i <= 3; i++) t.equal((await put(url(), `2001:db8:0:1::${i}`, bytes)).status, 201)
  const refused = await put(url(), '2001:db8:0:1:ffff::1', bytes)
  t.equal(refused.status, 429, 'a /64 is one address')
  t.match(refused.headers.get('content-type'), 'application/problem+json')
  t.match(await refused.json(), { code: 'too-many-uploads', status: 429 })
  const retryAfter = Number(refused.headers.get('retry-after'))
  t.ok(retryAfter > 1000 && retryAfter <= 1200, `a third of an hour, ${retryAfter} s`)
  t.equal((await put(url(), '2001:db8:0:2::1', bytes)).status, 201)

  t.equal((await put(url(), '192.0.2.1', sampleBytes(40_000))).status, 201)
  const tooMuch = await put(url(), '::ffff:192.0.2.1', sampleBytes(20_000))
  t.match(await tooMuch.json(), { code: 'daily-bytes-used', status: 429 })
  t.ok(Number(tooMuch.headers.get('retry-after')) > 3600)
  const page = await put(url(), '192.0.2.1', sampleBytes(20_000), { accept: 'text/html' })
  t.match(await page.text(), /enough for today/)

  const form = new FormData()
  form.set('file', new Blob([new Uint8Array(20_000)]), 'a.bin')
  const headers = { accept: 'text/html', 'x-forwarded-for': '192.0.2.1' }
  const back = await fetch(`${url()}/upload`, { method: 'POST', body: form, headers })
  t.equal(back.status, 429)
  t.match(await back.text(), /action="\/upload"/, 'a browser gets the form again, with the reason')
})

t.test('an upload of unknown length is stopped when the day is over', async (t) => {
  const { url, cluster } = await startEdges(t, {
    config: { edge: { port: 0 }, anonymous: { dailyBytesMax: 300_000 } }
  })
  const { stdout } = await curl(
    ['-T', '-', '-H', 'Accept: application/json', `${url()}/a`],
    sampleBytes(900_000)
  )
  t.match(JSON.parse(stdout.toString()), { code: 'daily-bytes-used' })
  await until('nothing is kept', async () => (await cluster.controller.status()).chunks === 0)
})

t.test('a file of a form that nobody asked for is no way past the limits', async (t) => {
  const { url } = await startEdges(t, {
    config: { edge: { port: 0, uploadBytesMax: 100_000 }, anonymous: { dailyBytesMax: 300_000 } }
  })
  const part = (name: string): string =>
    `--X\r\nContent-Disposition: form-data; name="${name}"; filename="a"\r\n\r\n`
  const send = async (extraBytes: number): Promise<Record<string, unknown>> => {
    const form = [part('extra'), sampleBytes(extraBytes), `\r\n${part('file')}`, 'hello', '\r\n--X--\r\n']
    // of unknown length, as its own header would give the form away
    const headers = ['Transfer-Encoding: chunked', 'Content-Type: multipart/form-data; boundary=X']
    const { stdout } = await curl(
      [
        ...[...headers, 'Accept: application/json'].flatMap((each) => ['-H', each]),
        '-X',
        'POST',
        '-T',
        '-',
        `${url()}/upload`
      ],
      Buffer.concat(form.map((each) => Buffer.from(each)))
    )
    return JSON.parse(stdout.toString()) as Record<string, unknown>
  }
  t.match(await send(1000), { size: 5 })
  t.match(await send(2_000_000), { code: 'too-large' })
})

t.test('without trusted proxies nobody gets limits of his own by a header', async (t) => {
  const { url } = await startEdges(t, { config: { anonymous: { uploadsPerHour: 2 } } })
  const statuses = []
  for (let i = 0; i < 3; i++) statuses.push((await put(url(), `192.0.2.${i}`, sampleBytes(10))).status)
  t.same(statuses, [201, 201, 429])
})

t.test('what a proxy passes on and is no address makes no address of its own', async (t) => {
  const { url } = await startEdges(t, { config: { edge: TRUSTED, anonymous: { uploadsPerHour: 2 } } })
  const statuses = []
  for (const said of ['unknown', '_hidden', '1.2.3.4.5'])
    statuses.push((await put(url(), said, sampleBytes(10))).status)
  t.same(statuses, [201, 201, 429])
})

t.test('one address has so many transfers at once, and the next may begin when one ends', async (t) => {
  const { url, cluster } = await startEdges(t, {
    config: {
      edge: { port: 0, uploadBytesMax: 40_000_000, stallMs: 20_000 },
      anonymous: { uploadsAtOnce: 1, downloadsAtOnce: 1 }
    }
  })
  const shares = [await upload(url(), sampleBytes(30_000_000)), await upload(url(), sampleBytes(100, 2))]
  using first = await RawClient.open(url())
  first.write('PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello')
  await until('an upload is open', async () => (await cluster.controller.status()).uploadsOpen === 1)
  const second = await put(url(), '', sampleBytes(10))
  t.equal(second.status, 429)
  t.match(await second.json(), { code: 'too-many-transfers' })
  first.write('world')
  await until('the first is stored', () => first.status === 201)
  t.equal((await put(url(), '', sampleBytes(10))).status, 201)

  using slow = await RawClient.open(url())
  slow.write(`GET ${new URL(shares[0]?.directUrl ?? '').pathname} HTTP/1.1\r\nHost: x\r\n\r\n`)
  const other = shares[1]?.directUrl ?? ''
  await until('it is on its way', () => slow.bodyBytes > 0)
  slow.socket.pause()
  const refused = await fetch(other, { headers: JSON_ONLY })
  t.match(refused.headers.get('retry-after'), /^\d+$/)
  t.match(await refused.json(), { code: 'too-many-transfers' })
  slow.socket.destroy()
  await until('the link was not spent', async () => (await fetch(other)).status === 200)
})

t.test('connections of one address are limited too, and those of a proxy are not', async (t) => {
  const { url } = await startEdges(t, { config: { edge: { port: 0, connectionsPerAddress: 5 } } })
  const idle = await Promise.all(Array.from({ length: 5 }, () => RawClient.open(url())))
  using refused = await RawClient.open(url())
  await until('it is told so', () => refused.closed)
  t.equal(refused.status, 429)
  t.match(refused.header('retry-after'), /^\d+$/)
  t.match(refused.body.toString(), 'too-many-transfers')
  idle[0]?.socket.destroy()
  await until('there is room again', async () => {
    const answer = await fetch(`${url()}/healthz`).catch(() => undefined)
    return answer?.status === 200
  })
  for (const each of idle) each[Symbol.dispose]()

  const behind = await startEdges(t, { config: { edge: { ...TRUSTED, connectionsPerAddress: 1 } } })
  const many = await Promise.all(Array.from({ length: 5 }, () => RawClient.open(behind.url())))
  for (const each of many) each.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('all are answered', () => many.every((each) => each.status === 200))
  for (const each of many) each[Symbol.dispose]()
})

t.test('the space of anonymous files is counted in the whole cluster, and freed as they end', async (t) => {
  const { url, cluster } = await startEdges(t, {
    edges: 2,
    config: { edge: { port: 0, uploadBytesMax: 60_000 }, anonymous: { spaceBytesMax: 100_000 } }
  })
  const answers = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => put(url(i % 2), '', sampleBytes(30_000, i)))
  )
  t.equal(answers.filter(({ status }) => status === 201).length, 3, 'at once, over two edges')
  const refused = answers.find(({ status }) => status !== 201)
  t.equal(refused?.status, 507)
  t.match(refused?.headers.get('retry-after'), /^\d+$/)
  t.match(await refused?.json(), { code: 'space-full' })
  t.match(await cluster.controller.status(), { spaceUsed: { anonymous: 90_000 } })
  t.equal((await put(url(), '', sampleBytes(10_000, 99))).status, 201, 'a smaller one fits')
  const gone = answers.find(({ status }) => status === 201)
  const stored = (await gone?.json()) as { deleteUrl: string } | undefined
  t.equal((await fetch(stored?.deleteUrl ?? '', { method: 'DELETE' })).status, 204)
  await until(
    'there is room again',
    async () => (await put(url(1), '', sampleBytes(30_000, 7))).status === 201
  )
})

t.test('types are refused by what the sender says and by the name', async (t) => {
  const { url, cluster } = await startEdges(t, {
    config: { edge: { port: 0, forbiddenTypes: ['video/*', '.exe', 'Application/X-MSDownload'] } }
  })
  const send = (name: string, type: string) =>
    fetch(`${url()}/${name}`, { method: 'PUT', body: 'x', headers: { ...JSON_ONLY, 'content-type': type } })
  for (const [name, type, status] of [
    ['a.exe', 'application/octet-stream', 415],
    ['A.EXE', 'text/plain', 415],
    ['a.exe%20.', 'text/plain', 415],
    ['a.txt', 'application/x-msdownload; charset=x', 415],
    ['a.bin', 'video/mp4', 415],
    ['exe', 'text/plain', 201],
    ['a.exe.txt', 'text/plain', 201]
  ] as const) {
    const answer = await send(name, type)
    t.equal(answer.status, status, `${name} ${type}`)
    if (status === 415) t.match(await answer.json(), { code: 'type-forbidden' })
  }
  t.equal((await cluster.controller.status()).files, 2)
})
