import { createHash } from 'node:crypto'
import t from 'tap'
import { sampleBytes, startEdges } from './edge-cluster.ts'
import { codeOf, create, metadataOf, offsetAt, open, patch, tus } from './tus-kit.ts'

const MIB = 1024 * 1024
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

t.test('uploads that go on later', async (t) => {
  const { cluster, url } = await startEdges(t, { edges: 2 })
  const first = url(0)
  const second = url(1)
  const download = async (link: string): Promise<Buffer> => {
    const answer = await fetch(link.replace('/d/', '/download/'))
    t.equal(answer.status, 200)
    return Buffer.from(await answer.arrayBuffer())
  }

  t.test('parts through two edges make one file, with one link', async (t) => {
    const bytes = sampleBytes(9 * MIB + 321)
    const pairs = { filename: 'Übersicht.pdf', filetype: 'application/pdf', downloads: '2' }
    const digests = { sha256: sha256(bytes), md5: createHash('md5').update(bytes).digest('hex') }
    const path = await open(first, bytes.length, { ...pairs, ...digests })
    t.equal(await offsetAt(second + path), 0)
    const middle = 5 * MIB + 17
    const kept = await patch(first + path, 0, bytes.subarray(0, middle))
    t.equal(kept.status, 204)
    t.equal(kept.headers.get('upload-offset'), String(middle))
    t.match(kept.headers.get('upload-expires'), /GMT$/)
    t.equal(kept.headers.get('x-link'), null)
    t.equal(await offsetAt(second + path), middle)
    const progress = await fetch(second + path)
    t.match(await progress.json(), { offset: middle, length: bytes.length })
    const last = await patch(second + path, middle, bytes.subarray(middle))
    t.equal(last.status, 204)
    t.equal(last.headers.get('upload-offset'), String(bytes.length))
    const link = last.headers.get('x-link') ?? ''
    t.match(link, /^http:\/\/127\.0\.0\.1:\d+\/d\/[\w-]{24}$/)
    const pathOf = (text: string | null): string => new URL(text ?? '').pathname
    const head = await tus('HEAD', first + path)
    t.equal(pathOf(head.headers.get('x-link')), pathOf(link), 'HEAD tells the same link')
    t.equal(head.headers.get('x-expires'), last.headers.get('x-expires'))
    const again = await patch(first + path, bytes.length, new Uint8Array(0))
    t.equal(pathOf(again.headers.get('x-link')), pathOf(link), 'and so does the last part again')
    t.equal(await codeOf(await patch(first + path, middle, bytes.subarray(middle))), '409 offset-mismatch')
    t.match(await (await fetch(first + path)).json(), {
      name: 'Übersicht.pdf',
      size: bytes.length,
      sha256: sha256(bytes),
      downloads: 2,
      url: `${first}${pathOf(link)}`
    })
    t.ok((await download(link)).equals(bytes))
    t.ok((await download(`${first}${pathOf(link)}`)).equals(bytes))
  })

  t.test('creation may bring the first part, or all of it', async (t) => {
    const bytes = sampleBytes(70_000)
    const headers = {
      'upload-length': String(bytes.length),
      'upload-metadata': metadataOf({ filename: 'a.bin' }),
      'content-type': 'application/offset+octet-stream'
    }
    const part = await tus('POST', `${first}/files/`, { headers, body: bytes.subarray(0, 1000) })
    t.equal(part.status, 201)
    t.equal(part.headers.get('upload-offset'), '1000')
    const all = await tus('POST', `${first}/files/`, { headers, body: bytes })
    t.equal(all.status, 201)
    t.ok((await download(all.headers.get('x-link') ?? '')).equals(bytes))
    t.equal((await cluster.controller.status()).files, 2)
  })

  t.test('what is said of the protocol', async (t) => {
    const options = await tus('OPTIONS', `${first}/files/`)
    t.equal(options.status, 204)
    t.match(Object.fromEntries(options.headers), {
      'tus-version': '1.0.0',
      'tus-extension': 'creation,creation-with-upload,termination,expiration,checksum',
      'tus-max-size': String(10 * MIB),
      'tus-checksum-algorithm': 'sha1,md5,sha256',
      'x-content-type-options': 'nosniff'
    })
    const cors = [...options.headers.keys()].filter((name) => name.startsWith('access-control'))
    t.strictSame(cors, [], 'pages of other sites are not let in')
  })

  t.test('an upload can be given up, and its link withdrawn', async (t) => {
    const path = await open(first, 5000)
    await patch(first + path, 0, sampleBytes(1000))
    t.equal((await tus('DELETE', second + path)).status, 204)
    t.equal((await tus('HEAD', first + path)).status, 410)
    t.equal(await codeOf(await patch(first + path, 1000, sampleBytes(10))), '410 upload-gone')
    t.equal(await codeOf(await tus('DELETE', first + path)), '410 upload-gone')
    const whole = await open(first, 1000)
    const done = await patch(first + whole, 0, sampleBytes(1000))
    t.equal((await tus('DELETE', first + whole)).status, 204)
    t.equal((await fetch(done.headers.get('x-link') ?? '')).status, 410)
    t.equal((await tus('HEAD', first + whole)).status, 410)
    t.equal((await create(first, 10)).status, 201)
  })
})
