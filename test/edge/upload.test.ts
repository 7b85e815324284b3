import { createHash } from 'node:crypto'
import t from 'tap'
import { curl } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import { until } from '../kit/until.ts'
import { testFolder } from '../kit/test-folder.ts'

const LIMIT = 10 * 1024 * 1024
const hash = (algorithm: string, bytes: Uint8Array, encoding: 'hex' | 'base64'): string =>
  createHash(algorithm).update(bytes).digest(encoding)

interface Problem {
  code: string
  status: number
  detail: string
  title: string
  type: string
  field?: string
  retryAfterMs?: number
}

t.test('uploads', async (t) => {
  const { cluster, url } = await startEdges(t)
  const base = url()
  const status = () => cluster.controller.status()

  const put = async (name: string, body: Uint8Array, headers: Record<string, string> = {}) =>
    fetch(`${base}/${name}`, { method: 'PUT', body: new Uint8Array(body), headers })
  const problem = async (answer: Response): Promise<Problem> => {
    t.match(answer.headers.get('content-type'), /^application\/problem\+json/)
    return (await answer.json()) as Problem
  }
  const post = async (
    fields: Array<[string, string | Blob, string?]>,
    accept = 'application/json'
  ): Promise<Response> => {
    const form = new FormData()
    for (const [name, value, file] of fields) {
      if (typeof value === 'string') form.append(name, value)
      else form.append(name, value, file)
    }
    return fetch(`${base}/upload`, { method: 'POST', body: form, headers: { accept } })
  }
  const blob = (bytes: Uint8Array): Blob => new Blob([new Uint8Array(bytes)])

  t.test('a form is answered with everything there is to know', async (t) => {
    const bytes = sampleBytes(5_000_000)
    const answer = await upload(base, bytes, {
      name: 'Übersicht.pdf',
      fields: { downloads: '3', expires: '3600' }
    })
    t.match(answer, {
      name: 'Übersicht.pdf',
      size: bytes.length,
      sha256: hash('sha256', bytes, 'hex'),
      downloads: 3
    })
    const token = new URL(answer.url).pathname.slice('/d/'.length)
    t.match(token, /^[\w-]{24}$/)
    t.equal(answer.url, `${base}/d/${token}`)
    t.equal(answer.directUrl, `${base}/download/${token}`)
    t.ok(answer.deleteUrl.startsWith(`${base}/d/${token}?secret=`))
    t.ok(Math.abs(Date.parse(answer.expiresAt) - Date.now() - 3600_000) < 60_000)
  })

  t.test('curl -F gets the link as text, a browser a page', async (t) => {
    const text = await curl(['-F', 'file=@-;filename=a.txt', `${base}/upload`], Buffer.from('hello'))
    t.match(text.stdout.toString(), new RegExp(`^${base}/d/[\\w-]{24}\n$`))
    const page = await post(
      [['file', blob(Buffer.from('hello')), 'a<b>.txt']],
      'text/html,application/xhtml+xml,*/*;q=0.8'
    )
    t.equal(page.status, 201)
    t.match(page.headers.get('content-type'), 'text/html')
    const html = await page.text()
    t.match(html, new RegExp(`${base}/d/[\\w-]{24}`))
    t.match(html, 'a&lt;b&gt;.txt')
  })

  t.test('curl -T gets one line and the headers that go with it', async (t) => {
    const answer = await put('report.pdf', sampleBytes(100), { 'max-downloads': '2', 'max-days': '0.5' })
    t.equal(answer.status, 201)
    t.match(answer.headers.get('content-type'), 'text/plain')
    const line = await answer.text()
    t.match(line, new RegExp(`^${base}/d/[\\w-]{24}\n$`))
    t.equal(answer.headers.get('location'), line.trim())
    t.ok(answer.headers.get('x-url-delete')?.startsWith(`${line.trim()}?secret=`))
    t.match(answer.headers.get('x-url-sender'), new RegExp(`^${base}/s/[\\w-]{24}$`))
    const expires = Date.parse(answer.headers.get('x-expires') ?? '')
    t.ok(Math.abs(expires - Date.now() - 12 * 3600_000) < 60_000)
    const page = (await (
      await fetch(line.trim(), { headers: { accept: 'application/json' } })
    ).json()) as object
    t.match(page, { name: 'report.pdf', downloads: 2, downloadsLeft: 2 })
  })

  t.test('a body without a length, and without a name, is taken too', async (t) => {
    const bytes = sampleBytes(6_000_000)
    const answer = await curl(['-T', '-', '-H', 'Accept: application/json', `${base}/`], bytes)
    t.match(JSON.parse(answer.stdout.toString()), {
      size: bytes.length,
      sha256: hash('sha256', bytes, 'hex'),
      name: 'file'
    })
  })

  t.test('digests that match are accepted in every spelling, before and after the file', async (t) => {
    const bytes = sampleBytes(1000)
    const file: [string, Blob, string] = ['file', blob(bytes), 'a']
    for (const encoding of ['hex', 'base64'] as const) {
      const digests: Array<[string, string]> = [
        ['md5', hash('md5', bytes, encoding)],
        ['sha256', hash('sha256', bytes, encoding)]
      ]
      t.equal((await post([...digests, file])).status, 201)
      t.equal((await post([file, ...digests])).status, 201)
    }
    const headers = {
      'content-md5': hash('md5', bytes, 'base64'),
      'repr-digest': `sha-256=:${hash('sha256', bytes, 'base64')}:`
    }
    t.equal((await put('a', bytes, headers)).status, 201)
  })

  t.test('digests that do not match are refused, and nothing is kept', async (t) => {
    const before = await status()
    const bytes = sampleBytes(5_000_000, 7)
    const other = sampleBytes(10)
    const answers = [
      await post([
        ['file', blob(bytes), 'a'],
        ['md5', hash('md5', other, 'hex')]
      ]),
      await post([
        ['sha256', hash('sha256', other, 'hex')],
        ['file', blob(bytes), 'a']
      ]),
      await put('a', bytes, { 'content-md5': hash('md5', other, 'base64'), accept: 'application/json' }),
      await put('a', bytes, {
        'repr-digest': `sha-256=:${hash('sha256', other, 'base64')}:`,
        accept: 'application/json'
      })
    ]
    for (const answer of answers) {
      t.equal(answer.status, 409)
      t.match(await problem(answer), {
        code: 'checksum-mismatch',
        status: 409,
        detail: 'checksum failed - please attempt reuploading'
      })
    }
    await until('nothing of it is left', async () => {
      const now = await status()
      return now.files === before.files && now.uploadsOpen === 0 && now.chunkBytes === before.chunkBytes
    })
  })

  t.test('malformed digests and options are told by field before the file is read', async (t) => {
    const file: [string, Blob, string] = ['file', blob(sampleBytes(10)), 'a']
    for (const [field, value] of [
      ['md5', 'xyz'],
      ['sha256', 'ab'],
      ['expires', 'soon'],
      ['expires', '0'],
      ['downloads', '0'],
      ['downloads', '1000']
    ] as const) {
      for (const parts of [
        [[field, value], file],
        [file, [field, value]]
      ] as Array<Array<[string, string | Blob, string?]>>) {
        const answer = await post(parts)
        t.equal(answer.status, 422, `${field}=${value}`)
        t.match(await problem(answer), { code: 'invalid-field', field })
      }
    }
    for (const [name, value] of [
      ['content-md5', 'xyz'],
      ['repr-digest', 'sha-256=abc'],
      ['max-days', '-1'],
      ['max-downloads', 'many']
    ] as const)
      t.equal((await put('a', sampleBytes(10), { [name]: value })).status, 422, name)
    t.equal((await put('a', sampleBytes(10), { 'content-range': 'bytes 0-9/100' })).status, 400)
  })

  t.test('an empty file is refused in every way of sending it', async (t) => {
    for (const answer of [
      await post([['file', blob(Buffer.alloc(0)), 'a']]),
      await put('a', Buffer.alloc(0), { accept: 'application/json' })
    ]) {
      t.equal(answer.status, 422)
      t.match(await problem(answer), { code: 'empty-file' })
    }
    const chunked = await curl(['-T', '-', '-w', '%{http_code}', `${base}/a`])
    t.match(chunked.stdout.toString(), /422$/)
  })

  t.test('forms without a file, with one, or that are none', async (t) => {
    const file: [string, Blob, string] = ['file', blob(sampleBytes(10)), 'a']
    t.match(await problem(await post([['downloads', '1']])), { code: 'invalid-field', field: 'file' })
    t.equal((await post([file, ['note', 'ignored']])).status, 201)
    t.equal((await post([['other', blob(sampleBytes(10)), 'b'], file])).status, 201)
    const send = (type: string, body: string) =>
      fetch(`${base}/upload`, {
        method: 'POST',
        body,
        headers: { 'content-type': type, accept: 'application/json' }
      })
    t.equal((await send('application/json', '{}')).status, 400)
    t.equal((await send('multipart/form-data; boundary=x', 'nonsense')).status, 400)
    t.equal((await send('multipart/form-data', 'nonsense')).status, 400)
    t.equal(
      (
        await send(
          'multipart/form-data; boundary=x',
          '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhello'
        )
      ).status,
      400
    )
    t.equal(
      (
        await send(
          'multipart/form-data; boundary=x',
          '--x\r\nContent-Disposition: form-data; name="__proto__"\r\n\r\n1\r\n--x--\r\n'
        )
      ).status,
      422
    )
  })

  t.test(
    'a browser comes back to the upload page with a friendly message, and the status stays',
    async (t) => {
      const html = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
      const answer = await post([['file', blob(Buffer.alloc(0)), 'a']], html)
      t.equal(answer.status, 422)
      const page = await answer.text()
      t.match(page, 'role="alert"')
      t.match(page, 'The file is empty')
      t.match(page, 'action="/upload"')
      const wrong = await post(
        [
          ['file', blob(sampleBytes(10)), 'a'],
          ['md5', hash('md5', sampleBytes(11), 'hex')]
        ],
        html
      )
      t.equal(wrong.status, 409)
      t.match(await wrong.text(), 'checksum failed')
    }
  )

  t.test('exactly the limit is taken, one byte more is not', async (t) => {
    const most = sampleBytes(LIMIT)
    t.equal((await put('most', most)).status, 201)
    const more = sampleBytes(LIMIT + 1)
    const tooLarge = async (args: string[], input = more): Promise<void> => {
      const { code, stdout, stderr } = await curl(
        [...args, '-w', '\n%{http_code} %{size_upload}', '-H', 'Accept: application/json'],
        input
      )
      t.equal(code, 0, `${args.join(' ')} ${stderr}`)
      t.match(stdout.toString(), '"code":"too-large"', args.join(' '))
      t.match(stdout.toString(), /\n413 \d+$/)
    }
    const dir = testFolder(t, { more })
    await tooLarge(['-T', `${dir}/more`, `${base}/`])
    await tooLarge(['-T', `${dir}/more`, '-H', 'Expect:', `${base}/`])
    await tooLarge(['-T', '-', `${base}/more`])
    await tooLarge(['-T', '-', '-H', 'Expect:', `${base}/more`])
    await tooLarge(['-F', `file=@${dir}/more`, `${base}/upload`])
    await tooLarge(['-F', `file=@${dir}/more`, '-H', 'Expect:', `${base}/upload`])
    await tooLarge(['-F', `file=@${dir}/more`, '-H', 'Transfer-Encoding: chunked', `${base}/upload`])
    const large = testFolder(t, { more, large: sampleBytes(3 * LIMIT) })
    await tooLarge(['-F', `file=@${large}/large`, '-H', 'Expect:', `${base}/upload`])
    await tooLarge([
      '-T',
      `${large}/large`,
      '-H',
      'Transfer-Encoding: chunked',
      '-H',
      'Expect:',
      `${base}/large`
    ])
    const answer = await post([['file', blob(sampleBytes(3 * LIMIT)), 'a']])
    t.equal(answer.status, 413, 'fetch sees it as well')
    await until('no upload stays open', async () => (await status()).uploadsOpen === 0)
  })

  t.test('where the length is known, 413 comes before the body is sent', async (t) => {
    const dir = testFolder(t, { more: sampleBytes(LIMIT + 1) })
    const { stdout } = await curl([
      '-T',
      `${dir}/more`,
      '-H',
      'Expect: 100-continue',
      '--expect100-timeout',
      '20',
      '-w',
      '\n%{http_code} %{size_upload}',
      `${base}/`
    ])
    t.match(stdout.toString(), /\n413 0$/)
  })

  t.test('names cannot do harm', async (t) => {
    const names: Array<[string, string]> = [
      ['..%2F..%2Fetc%2Fpasswd', 'passwd'],
      ['a%22b.txt', 'a"b.txt'],
      ['a%0D%0ASet-Cookie:%20x=1', 'aSet-Cookie: x=1'],
      ['nul%00.txt', 'nul.txt'],
      [encodeURIComponent('👩‍💻.md'), '👩‍💻.md'],
      ['%2E%2E', 'file'],
      [`${'n'.repeat(8000)}.txt`, `${'n'.repeat(251)}.txt`]
    ]
    for (const [path, name] of names) {
      const { stdout } = await curl(
        ['--path-as-is', '-T', '-', '-H', 'Accept: application/json', `${base}/${path}`],
        Buffer.from('x')
      )
      const answer = JSON.parse(stdout.toString()) as { name: string; directUrl: string }
      t.equal(answer.name, name, path.slice(0, 40))
      const download = await fetch(answer.directUrl)
      t.equal(download.status, 200)
      t.match(download.headers.get('content-disposition'), /^attachment; filename/)
      t.equal(download.headers.get('set-cookie')?.startsWith('peerbin-claim='), true)
      await download.arrayBuffer()
    }
    t.equal((await put('%ff%fe', sampleBytes(1))).status, 400, 'not UTF-8')
    t.equal((await put('%zz', sampleBytes(1))).status, 400, 'not percent-encoding')
    t.equal((await upload(base, sampleBytes(1), { name: 'x'.repeat(65_536) })).name.length, 255)
    t.equal((await upload(base, sampleBytes(1), { name: 'a"\r\nb.txt' })).name, 'a"b.txt')
  })
})

t.test('types a server does not want are refused before they are read', async (t) => {
  const { url } = await startEdges(t, {
    config: { edge: { port: 0, forbiddenTypes: ['video/*', 'application/x-msdownload'] } }
  })
  const put = (type: string) =>
    fetch(`${url()}/a`, { method: 'PUT', body: 'x', headers: { 'content-type': type } })
  t.equal((await put('video/mp4')).status, 415)
  t.equal((await put('application/x-msdownload; x=y')).status, 415)
  t.equal((await put('audio/mp4')).status, 201)
})

t.test('with fewer than two nodes an upload is turned away for the moment', async (t) => {
  const { url } = await startEdges(t, { nodes: 1, config: { controller: { callTimeoutMs: 1000 } } })
  const ready = await fetch(`${url()}/readyz`, { headers: { accept: 'application/json' } })
  t.equal(ready.status, 503)
  t.match(await ready.json(), { code: 'not-enough-nodes' })
  t.equal((await fetch(`${url()}/healthz`)).status, 200)
  const answer = await fetch(`${url()}/a`, {
    method: 'PUT',
    body: 'x',
    headers: { accept: 'application/json' }
  })
  t.equal(answer.status, 503)
  t.match(await answer.json(), { code: 'not-enough-nodes' })
  t.match(answer.headers.get('retry-after'), /^\d+$/)
})

t.test('without a controller nothing is ready', async (t) => {
  const { url } = await startEdges(t, {
    controller: 'none',
    config: { controller: { callTimeoutMs: 500, retryMs: 20 } }
  })
  const ready = await fetch(`${url()}/readyz`, { headers: { accept: 'application/json' } })
  t.match(await ready.json(), { code: 'no-controller', status: 503 })
  t.equal((await fetch(`${url()}/d/${'a'.repeat(24)}`)).status, 503)
})
