import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { hasCode } from '../../src/errors.ts'
import { createLogger } from '../../src/runtime/logger.ts'
import { until } from '../kit/until.ts'
import { RawClient } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import { testFolder } from '../kit/test-folder.ts'

/** Files that do not fit into the buffers of sockets. */
const uploadBytesMax = 40_000_000
const LARGE_BYTES = 30_000_000
const JSON_ONLY = { accept: 'application/json' }

t.test('a path that cannot be decoded is answered in our words, and not repeated', async (t) => {
  const { url } = await startEdges(t)
  using client = await RawClient.open(url())
  client.write('GET /d/secret%E0%A4%A HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n')
  await until('it is answered', () => client.closed)
  t.equal(client.status, 400)
  t.match(client.header('content-type'), 'application/problem+json')
  t.equal(client.header('x-content-type-options'), 'nosniff')
  t.match(JSON.parse(client.body.toString()), { code: 'bad-request' })
  t.notMatch(client.body.toString(), 'secret')
})

t.test('bodies, headers and readers that stand still', async (t) => {
  const edges = await startEdges(t, {
    config: { edge: { uploadBytesMax, stallMs: 1500, headersMs: 1500, keepAliveMs: 1000 } }
  })
  const { url, cluster } = edges
  const settled = () =>
    until('nothing of it is left', async () => {
      const status = await cluster.controller.status()
      return (
        status.uploadsOpen === 0 &&
        status.files === 0 &&
        status.chunks === 0 &&
        edges.edges.every(({ memory }) => memory.used === 0)
      )
    })

  t.test('a client that vanishes in the middle of an upload leaves nothing', async () => {
    using put = await RawClient.open(url())
    put.write('PUT /gone HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n')
    put.write(sampleBytes(5_000_000))
    await until('an upload is open', async () => (await cluster.controller.status()).uploadsOpen === 1)
    put.socket.destroy()
    await settled()
    using form = await RawClient.open(url())
    form.write(
      'POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n'
    )
    const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    form.write(`${head.length.toString(16)}\r\n${head}\r\n${(4_500_000).toString(16)}\r\n`)
    form.write(sampleBytes(4_500_000))
    await until('an upload is open', async () => (await cluster.controller.status()).uploadsOpen === 1)
    form.socket.destroy()
    await settled()
  })

  t.test('an upload that stands still is told so and ended', async (t) => {
    const heads = [
      'PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\nhello',
      'PUT /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      'POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000\r\n\r\n--b\r\nContent-Disp',
      'POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000\r\n\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhello',
      `POST /d/${'a'.repeat(24)} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nclaim`
    ]
    const statuses = heads.map(async (head) => {
      using client = await RawClient.open(url())
      client.write(head)
      await until(
        'there is an answer, and the connection is closed',
        () => client.status > 0 && client.closed
      )
      return client.status
    })
    t.same(await Promise.all(statuses), [408, 408, 408, 408, 408])
    await settled()
  })

  t.test('headers that do not end are not waited for', async (t) => {
    using client = await RawClient.open(url())
    client.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ')
    await until('the connection is closed', () => client.closed)
    t.equal(client.status, 408)
  })

  t.test('what is not HTTP is told so', async (t) => {
    for (const [text, status] of [
      ['nonsense\r\n\r\n', 400],
      [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
      [`PUT /${'n'.repeat(65_536)} HTTP/1.1\r\n\r\n`, 431]
    ] as const) {
      using client = await RawClient.open(url())
      client.write(text)
      await until('there is an answer', () => client.status > 0)
      t.equal(client.status, status)
      await until('and the connection is closed', () => client.closed)
    }
  })

  t.test('a reader that stands still is cut off, and may come back', async (t) => {
    const bytes = sampleBytes(LARGE_BYTES)
    const { directUrl } = await upload(url(), bytes)
    using client = await RawClient.open(url())
    client.socket.pause()
    client.write(`GET ${new URL(directUrl).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`)
    const memoryUsed = (): number => edges.edges.reduce((sum, { memory }) => sum + memory.used, 0)
    await until('the file is on its way', () => memoryUsed() > 0)
    await until('the edge has given up', () => memoryUsed() === 0)
    client.socket.resume()
    await until('the connection is closed', () => client.closed)
    t.ok(client.bodyBytes < bytes.length)
    const rest = await fetch(directUrl, {
      headers: { range: `bytes=${client.bodyBytes}-`, 'if-range': client.header('etag') ?? '' }
    })
    t.equal(rest.status, 206)
    t.ok(bytes.equals(Buffer.concat([client.body, Buffer.from(await rest.arrayBuffer())])))
  })
})

t.test('an answer that comes before the body was read is not overtaken by a reset', async (t) => {
  const { url } = await startEdges(t, {
    config: { edge: { uploadBytesMax: 100_000, stallMs: 3000 } }
  })
  const piece = Buffer.concat([
    Buffer.from(`${(65_536).toString(16)}\r\n`),
    sampleBytes(65_536),
    Buffer.from('\r\n')
  ])
  const part = '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
  const heads = [
    'PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
    `PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: ${100 * piece.length}\r\n\r\n`,
    `POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n${part.length.toString(16)}\r\n${part}\r\n`
  ]
  for (const head of heads) {
    using client = await RawClient.open(url())
    client.write(head)
    for (let i = 0; i < 10; i++) client.write(piece)
    await until('the answer is there', () => client.status > 0)
    t.equal(client.status, 413)
    t.equal(client.header('connection'), 'close')
    // a browser sends everything before it looks for an answer
    for (let i = 0; i < 90; i++) await new Promise((resolve) => client.socket.write(piece, resolve))
    t.notOk(client.closed, 'the rest is read and dropped')
    t.notOk(client.failure)
    if (head.includes('chunked')) client.write('0\r\n\r\n')
    await until('the connection is closed then', () => client.closed)
    t.notOk(client.failure, 'and not reset')
  }
})

t.test('addresses and methods that are not there', async (t) => {
  const { url } = await startEdges(t)
  t.match(await (await fetch(`${url()}/nothing`, { headers: JSON_ONLY })).json(), {
    code: 'not-found',
    status: 404
  })
  t.equal((await fetch(`${url()}/a/b/c`, { method: 'PUT', body: 'x' })).status, 404)
  const wrong = await fetch(`${url()}/d/${'a'.repeat(24)}`, { method: 'PUT', body: 'x', headers: JSON_ONLY })
  t.equal(wrong.status, 405)
  t.equal(wrong.headers.get('allow'), 'DELETE, GET, HEAD, POST')
  t.match(await wrong.json(), { code: 'method-not-allowed' })
  const page = await fetch(`${url()}/nothing`, { headers: { accept: 'text/html' } })
  t.equal(page.status, 404)
  t.match(page.headers.get('content-security-policy'), /script-src 'self'/)
  t.match(await page.text(), 'There is nothing here')
  t.equal((await fetch(`${url()}/nothing`)).headers.get('content-type'), 'text/plain; charset=utf-8')
})

t.test('one address is limited, with a time to come back; health checks are not', async (t) => {
  const { url } = await startEdges(t, {
    config: { edge: { ratePerMinute: 5, trustedProxies: ['127.0.0.1'] } }
  })
  const ask = (path: string, address: string) =>
    fetch(`${url()}${path}`, { headers: { ...JSON_ONLY, 'x-forwarded-for': address } })
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask('/active-nodes', '192.0.2.1')))
  t.equal(answers.filter(({ status }) => status === 200).length, 5)
  const limited = answers.find(({ status }) => status === 429)
  t.match(limited?.headers.get('retry-after'), /^\d+$/)
  t.match(await limited?.json(), { code: 'rate-limited' })
  t.equal((await ask('/nothing', '192.0.2.1')).status, 429)
  t.equal((await ask('/healthz', '192.0.2.1')).status, 200)
  t.equal((await ask('/readyz', '192.0.2.1')).status, 200)
  t.equal((await ask('/active-nodes', '192.0.2.2')).status, 200, 'others are not')
})

t.test('forwarded addresses and hosts are believed from trusted proxies only', async (t) => {
  const { url } = await startEdges(t, { config: { edge: { ratePerMinute: 3 } } })
  const ask = (address: string) =>
    fetch(`${url()}/active-nodes`, { headers: { 'x-forwarded-for': address, 'x-forwarded-host': 'evil' } })
  const statuses = []
  for (let i = 0; i < 5; i++) statuses.push((await ask(`192.0.2.${i}`)).status)
  t.same(statuses, [200, 200, 200, 429, 429])
})

t.test('by default 300 requests at once from one address pass', async (t) => {
  const { url } = await startEdges(t)
  const answers = await Promise.all(
    Array.from({ length: 300 }, async () => {
      const answer = await fetch(`${url()}/active-nodes`)
      await answer.arrayBuffer()
      return answer.status
    })
  )
  t.ok(answers.every((status) => status === 200))
})

t.test('links carry the public address', async (t) => {
  const { url } = await startEdges(t, { config: { edge: { publicUrl: 'https://files.example/' } } })
  const answer = await upload(url(), sampleBytes(10))
  t.match(answer.url, /^https:\/\/files\.example\/d\/[\w-]{24}$/)
})

t.test('neither tokens nor secrets nor names get into the log', async (t) => {
  const lines: string[] = []
  const logger = createLogger('debug', {}, { write: (line) => void lines.push(line) })
  const { url } = await startEdges(t, { logger })
  const {
    url: page,
    directUrl,
    deleteUrl
  } = await upload(url(), sampleBytes(1000), { name: 'secret-name.txt' })
  const token = page.split('/').at(-1) ?? ''
  const secret = new URL(deleteUrl).searchParams.get('secret') ?? ''
  const download = await fetch(directUrl)
  await download.arrayBuffer()
  const claim = (download.headers.get('etag') ?? '').slice(1, -1)
  await fetch(`${directUrl}?claim=${claim}`, { headers: { range: 'bytes=99999-' } })
  await fetch(`${page}x`)
  await fetch(deleteUrl, { method: 'DELETE' })
  await fetch(`${url()}/private-name.txt`, { method: 'PUT', body: 'x' })
  await until('answers are logged', () => lines.filter((line) => line.includes('"answered"')).length >= 5)
  const log = lines.join('')
  for (const word of [token, secret, claim, 'secret-name', 'private-name']) t.notOk(log.includes(word), word)
  t.match(log, '/download/:token')
})

t.test('a stop lets transfers finish, and cuts them when it takes too long', async (t) => {
  const edges = await startEdges(t, {
    edges: 2,
    config: { edge: { uploadBytesMax, stopMs: 4000, stallMs: 20_000 } }
  })
  const { url } = edges
  const bytes = sampleBytes(LARGE_BYTES)
  const begin = async (directUrl: string): Promise<RawClient> => {
    const client = await RawClient.open(url())
    client.write(`GET ${new URL(directUrl).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await until('the body has begun', () => client.bodyBytes > 0)
    return client
  }
  using quick = await begin((await upload(url(), bytes)).directUrl)
  const share = await upload(url(), bytes)
  using slow = await begin(share.directUrl)
  slow.socket.pause()
  const first = edges.edges[0]?.edge
  await first?.stop()
  await first?.stop()
  await until('the quick one is through', () => quick.bodyBytes === bytes.length)
  slow.socket.resume()
  await until('the slow one is cut', () => slow.closed)
  t.ok(slow.bodyBytes < bytes.length)
  await t.rejects(fetch(url()), 'nobody listens any more')
  const rest = await fetch(share.directUrl.replace(url(0), url(1)), {
    headers: { range: `bytes=${slow.bodyBytes}-`, 'if-range': slow.header('etag') ?? '' }
  })
  t.equal(rest.status, 206, 'another edge goes on')
  t.ok(bytes.equals(Buffer.concat([slow.body, Buffer.from(await rest.arrayBuffer())])))
})

t.test('an address that is taken is named', async (t) => {
  const { url, cluster } = await startEdges(t)
  const port = Number(new URL(url()).port)
  Object.assign(cluster.config.edge, { port })
  const other = startEdges(t, { config: { edge: { port } } })
  await t.rejects(other, { code: 'address-in-use', message: /another process listens there/ })
})

t.test('TLS with own certificate files, taken up anew when they change', async (t) => {
  const dir = testFolder(t, {})
  const make = (name: string): void => {
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        '-subj',
        `/CN=${name}`,
        '-keyout',
        `${dir}/${name}.key`,
        '-out',
        `${dir}/${name}.crt`
      ],
      { stdio: 'ignore' }
    )
  }
  make('first')
  make('second')
  const take = (name: string): void => {
    writeFileSync(`${dir}/key.pem`, readFileSync(`${dir}/${name}.key`))
    writeFileSync(`${dir}/cert.pem`, readFileSync(`${dir}/${name}.crt`))
  }
  take('first')
  const edge = { port: 0, tlsCert: `${dir}/cert.pem`, tlsKey: `${dir}/key.pem`, tlsReloadMs: 20, stopMs: 500 }
  const lines: string[] = []
  const logger = createLogger('warn', {}, { write: (line) => void lines.push(line) })
  const { url } = await startEdges(t, { config: { edge }, logger })
  t.match(url(), /^https:/)
  const name = async (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectTls(
        { port: Number(new URL(url()).port), host: '127.0.0.1', rejectUnauthorized: false },
        () => {
          resolve(String(socket.getPeerCertificate().subject.CN))
          socket.destroy()
        }
      )
      socket.on('error', reject)
    })
  t.equal(await name(), 'first')
  writeFileSync(`${dir}/cert.pem`, '')
  await until('the files have been looked at', () =>
    lines.some((line) => line.includes('the old certificate stays'))
  )
  t.equal(await name(), 'first', 'bad files change nothing')
  take('second')
  await until('the new certificate is used', async () => (await name()) === 'second')
  const status = await new Promise((resolve, reject) => {
    get(`${url()}/readyz`, { rejectUnauthorized: false, agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    }).on('error', reject)
  })
  t.equal(status, 200)

  const bad: Array<[object, RegExp]> = [
    [{ tlsCert: `${dir}/none.pem` }, /edge\.tlsCert: cannot read .*none\.pem/],
    [{ tlsKey: '' }, /both are needed/],
    [{ tlsKey: `${dir}/first.key` }, /does not belong to the certificate/],
    [{ tlsCert: `${dir}/key.pem` }, /cannot be used/]
  ]
  for (const [over, message] of bad) {
    try {
      await startEdges(t, { config: { edge: { ...edge, ...over } } })
      t.fail('bad files were taken')
    } catch (error) {
      t.ok(hasCode(error, 'config-invalid') && message.test(error.message), String(error))
    }
  }
})
