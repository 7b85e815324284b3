/** Requests that nobody means well with: forged claims, two lengths, line breaks where they are echoed, and files that want to be pages. */

import t from 'tap'
import { until } from '../kit/until.ts'
import { askAsStranger, claimsMade, newSecret } from './claims.ts'
import { RawClient } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'

t.setTimeout(240_000)

const JSON_ONLY = { accept: 'application/json' }
const bytesOf = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer())

t.test('claims that are forged, of another link, or over', async (t) => {
  const cluster = await startEdges(t, { config: { link: { leaseMs: 1000, graceMs: 1000 } } })
  const { url } = cluster
  const bytes = sampleBytes(1000)
  const ways = (secret: string): Array<Record<string, string>> => [
    { cookie: `peerbin-claim=${secret}` },
    { 'if-range': `"${secret}"`, range: 'bytes=0-' },
    { 'if-match': `"${secret}"` }
  ]
  const forged = [
    '',
    'x',
    newSecret(),
    'A'.repeat(43),
    '_'.repeat(43),
    'A'.repeat(5000),
    `${newSecret()}=`,
    '../../etc/passwd',
    "' OR 1=1 --",
    '%00',
    `${newSecret()}", "${newSecret()}", "${newSecret()}", "${newSecret()}`
  ]
  /** A link that is taken: whoever presents something else gets nothing. */
  const takenLink = async (ttl: Record<string, string> = {}) => {
    const link = await upload(url(), bytes, { fields: ttl })
    const secret = newSecret()
    await bytesOf(await fetch(`${link.directUrl}?claim=${secret}`))
    return { ...link, secret }
  }

  t.test('forged cookies and validators are nothing', async (t) => {
    const { directUrl } = await takenLink()
    for (const text of forged)
      for (const headers of ways(text)) {
        const answer = await fetch(directUrl, { headers: { ...headers, ...JSON_ONLY } })
        const body = await bytesOf(answer)
        if (answer.status !== 410) t.fail(`${answer.status} for ${JSON.stringify(headers).slice(0, 80)}`)
        if (body.includes(bytes.subarray(0, 32))) t.fail('bytes of the file')
      }
    for (const text of forged.filter((each) => !/^[\w-]{43}$/.test(each))) {
      const answer = await fetch(`${directUrl}?claim=${encodeURIComponent(text)}`, { headers: JSON_ONLY })
      t.equal(answer.status, 422, 'no secret at all')
      t.notMatch(await answer.text(), /passwd|OR 1=1/, 'it is not repeated')
    }
    t.equal(await claimsMade(cluster, directUrl), 1)
  })

  t.test('a claim of one link is nothing at another', async (t) => {
    const [one, other] = [await takenLink(), await takenLink()]
    for (const headers of ways(one.secret)) {
      const answer = await fetch(other.directUrl, { headers: { ...headers, ...JSON_ONLY } })
      await answer.arrayBuffer()
      t.equal(answer.status, 410)
    }
    t.equal(await askAsStranger(`${other.directUrl}?claim=${one.secret}`), 410)
    t.equal(await claimsMade(cluster, other.directUrl), 1)
  })

  t.test('a lease that is over gives nothing, in whatever way the claim comes', async (t) => {
    const { directUrl, url: page, secret } = await takenLink()
    await new Promise((resolve) => setTimeout(resolve, 1200)) // longer than the grace
    await until('the link is used for everybody', async () => (await askAsStranger(page)) === 410)
    for (const headers of ways(secret)) {
      const answer = await fetch(directUrl, { headers: { ...headers, ...JSON_ONLY } })
      t.equal(answer.status, 410)
      t.match(await answer.json(), { code: 'link-used' })
    }
    t.equal(await askAsStranger(`${directUrl}?claim=${secret}`), 410)
  })
})

/** All that comes back on a connection for what is written. */
async function exchange(url: string, text: string): Promise<string> {
  using client = await RawClient.open(url)
  const got: Buffer[] = []
  client.socket.on('data', (bytes) => got.push(bytes))
  client.write(text)
  await until('the connection is closed', () => client.closed)
  return Buffer.concat(got).toString('latin1')
}

t.test(
  'a request whose end can be understood in two ways is refused, and what follows it never begins',
  async (t) => {
    const cluster = await startEdges(t, { config: { edge: { keepAliveMs: 1000 } } })
    const { url } = cluster
    const { directUrl, url: page } = await upload(url(), sampleBytes(1000))
    const path = new URL(page).pathname
    const smuggled = `GET ${new URL(directUrl).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`
    const lengths = [
      `Content-Length: ${smuggled.length + 5}\r\nTransfer-Encoding: chunked`,
      `Transfer-Encoding: chunked\r\nContent-Length: ${smuggled.length + 5}`,
      `Transfer-Encoding: chunked\r\nContent-Length: 0`,
      'Content-Length: 5\r\nContent-Length: 6',
      'Content-Length: 5, 6',
      'Content-Length: +5',
      'Content-Length: 0x5',
      'Content-Length: -5',
      'Transfer-Encoding: chunked, identity',
      'Transfer-Encoding: xchunked',
      'Transfer-Encoding : chunked',
      'Transfer-Encoding:\u000bchunked',
      'Content-Length: 5\r\n Transfer-Encoding: chunked'
    ]
    for (const length of lengths)
      for (const [method, target] of [
        ['POST', path],
        ['PUT', '/name'],
        ['POST', '/upload']
      ]) {
        const request = `${method} ${target} HTTP/1.1\r\nHost: x\r\n${length}\r\n\r\n0\r\n\r\n${smuggled}`
        const answer = await exchange(url(), request)
        const statuses = [...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status)
        t.same(statuses, ['400'], `${method} ${JSON.stringify(length)}`)
      }
    t.equal(await claimsMade(cluster, directUrl), 0)
  }
)

t.test('line breaks in headers, addresses and fields make no header of ours', async (t) => {
  const { url } = await startEdges(t)
  const { url: page, directUrl } = await upload(url(), sampleBytes(1000), { fields: { downloads: '9' } })
  const [path, direct] = [new URL(page).pathname, new URL(directUrl).pathname]
  const INJECTED = 'X-Injected'
  const breaks = ['%0d%0a', '%0a', '%0d', '%E5%98%8A%E5%98%8D', '%0d%0a%20', '\u2028', '%c2%85']
  const form = (field: string, value: string, filename = 'a'): string => {
    const parts = `--b\r\nContent-Disposition: form-data; name="${field}"\r\n\r\n${value}\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="${filename}"\r\n\r\nhello\r\n--b--\r\n`
    return `POST /upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: application/json\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${Buffer.byteLength(parts)}\r\n\r\n${parts}`
  }
  const get = (target: string, headers = ''): string =>
    `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`
  for (const lineBreak of breaks) {
    const evil = `a${lineBreak}${INJECTED}:%201${lineBreak}${lineBreak}<script>`
    const raw = decodeURIComponent(evil.replace('<', '%3C').replace('>', '%3E'))
    const encoded = encodeURIComponent(raw)
    const requests = [
      get(`/d/${encoded}`),
      get(`/download/${encoded}`),
      get(`${direct}?claim=${encoded}`),
      get(`/${encoded}`),
      get(`${path}?x=${encoded}`, 'Accept: text/html\r\n'),
      get(path, `Accept: text/html;x="${encoded}"\r\n`),
      get(direct, `Cookie: peerbin-claim=${encoded}\r\nAccept: text/html\r\n`),
      get(direct, `Range: bytes=9999-${encoded}\r\nIf-Range: "${encoded}"\r\nAccept: text/html\r\n`),
      `DELETE ${path}?secret=${encoded} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      `PUT /${encoded} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/${encoded}\r\nContent-Length: 1\r\n\r\nx`,
      `PUT /a HTTP/1.1\r\nHost: ${encoded}\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx`,
      `PUT /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nMax-Downloads: ${encoded}\r\nContent-Length: 1\r\n\r\nx`,
      `PUT /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRepr-Digest: ${encoded}\r\nContent-Length: 1\r\n\r\nx`,
      ...['md5', 'sha256', 'expires', 'downloads', 'claim'].map((field) => form(field, raw)),
      form('x', 'y', encoded),
      `POST ${path}?claim=${encoded} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`
    ]
    for (const request of requests) {
      const answer = await exchange(url(), request)
      const head = answer.slice(0, answer.indexOf('\r\n\r\n'))
      const what = JSON.stringify(request.slice(0, 90))
      if (!/^HTTP\/1\.1 \d{3} /.test(head)) t.fail(`no answer: ${what}`)
      if (head.startsWith('HTTP/1.1 5')) t.fail(`${head.slice(0, 12)}: ${what}`)
      if (new RegExp(`[\\r\\n\\x85]\\s*${INJECTED}`, 'i').test(head)) t.fail(`a header of theirs: ${what}`)
      if (answer.includes('<script>') && /content-type: text\/html/i.test(head)) t.fail(`a script: ${what}`)
    }
  }
  t.equal(await askAsStranger(directUrl), 200, 'and nothing was spent by it')
})

t.test('files that are pages are never pages of this site', async (t) => {
  const { url } = await startEdges(t, { config: { link: { budgetFactor: 50 } } })
  const files: Record<string, { type: string; content: string }> = {
    'page.html': { type: 'text/html', content: '<script>alert(1)</script>' },
    'picture.svg': {
      type: 'image/svg+xml',
      content: '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
    },
    'page.xhtml': { type: 'application/xhtml+xml', content: '<html xmlns="http://www.w3.org/1999/xhtml"/>' },
    'style.css': { type: 'text/css', content: '* { color: red }' },
    'code.js': { type: 'text/javascript', content: 'alert(1)' },
    'app.pdf': { type: 'application/pdf', content: '%PDF-1.4' }
  }
  for (const [name, { type, content }] of Object.entries(files)) {
    const put = await fetch(`${url()}/${name}`, {
      method: 'PUT',
      body: content,
      headers: { 'content-type': type, ...JSON_ONLY }
    })
    const { directUrl } = (await put.json()) as { directUrl: string }
    const mine = `${directUrl}?claim=${newSecret()}`
    const asks: RequestInit[] = [
      { method: 'HEAD' },
      {},
      { headers: { range: 'bytes=0-3' } },
      { headers: { accept: `${type},*/*`, 'sec-fetch-mode': 'navigate' } },
      { headers: { accept: type, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' } }
    ]
    for (const init of asks) {
      const answer = await fetch(mine, init)
      await answer.arrayBuffer()
      t.match(
        Object.fromEntries(answer.headers),
        {
          'content-type': 'application/octet-stream',
          'content-disposition': /^attachment; filename/,
          'x-content-type-options': 'nosniff',
          'content-security-policy': "sandbox; default-src 'none'"
        },
        `${name} ${JSON.stringify(init)}`
      )
    }
  }
})
