/** Several files under one link: up with a form, down as an archive or one by one, all for one redemption. */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { crc32 } from '../../src/bundle/crc32.ts'
import { ZipLayout } from '../../src/bundle/zip-layout.ts'
import { cuttingProxy } from '../kit/cutting-proxy.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'
import { digestsOf, indexOf, unzip, uploadFiles } from './bundle-kit.ts'
import type { Files } from './bundle-kit.ts'
import { askAsStranger, claimOf, claimsMade, newSecret } from './claims.ts'
import { curl } from './clients.ts'
import { sampleBytes, startEdges } from './edge-cluster.ts'

const FILES: Files = {
  'holiday/a.txt': Buffer.from('first\n'),
  'holiday/empty': new Uint8Array(0),
  'holiday/deep/b.bin': sampleBytes(300_000),
  'holiday/c.bin': sampleBytes(70_000, 2)
}
const INSIDE = Object.fromEntries(
  Object.entries(FILES).map(([path, bytes]) => [path.slice('holiday/'.length), new Uint8Array(bytes)])
)
const DIGESTS = digestsOf(INSIDE)
const PAYLOAD = Object.values(FILES).reduce((sum, { byteLength }) => sum + byteLength, 0)

const bytesOf = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer())
const codeOf = async (answer: Response): Promise<unknown> => ((await answer.json()) as { code: unknown }).code
const JSON_WANTED = { headers: { accept: 'application/json' } }
const PERSON = { headers: { accept: 'text/html' } }

t.test('bundles', async (t) => {
  const cluster = await startEdges(t, {
    edges: 2,
    config: { edge: { uploadBytesMax: 20_000_000 }, link: { reportIntervalMs: 10 } }
  })
  const { url } = cluster
  const share = (files: Files = FILES, fields: Record<string, string> = {}) =>
    uploadFiles(url(), files, fields)

  t.test('curl -F of several files, and its archive in what opens archives', async (t) => {
    const folder = testFolder(t)
    const one = `${testFolder(t)}/one.txt`
    writeFileSync(one, 'hello')
    const files = ['-F', `file=@${one}`, '-F', `file=@${import.meta.filename}`]
    const { stdout } = await curl([...files, '-F', 'name=for you', `${url()}/upload`])
    const link = stdout.toString().trim()
    const directUrl = link.replace('/d/', '/download/')
    t.equal((await curl(['-OJ', '--output-dir', folder, directUrl])).code, 0)
    t.ok(readdirSync(folder).includes('for you.zip'))
    const found = unzip(folder, readFileSync(`${folder}/for you.zip`))
    const expected = {
      'one.txt': Buffer.from('hello'),
      'bundles.test.ts': readFileSync(import.meta.filename)
    }
    t.same(found, digestsOf(expected))
    t.equal(await claimsMade(cluster, directUrl), 1)
  })

  t.test('a folder keeps its paths, and one redemption covers the archive and each file', async (t) => {
    const { directUrl, ...answer } = await share()
    t.match(answer, { name: 'holiday' })
    const secret = newSecret()
    const got = await fetch(`${directUrl}?claim=${secret}`)
    t.match(got.headers.get('content-disposition'), 'holiday.zip')
    t.equal(got.headers.get('repr-digest'), null, 'the digest that is known is not that of the archive')
    t.equal(got.headers.get('etag'), `"${secret}"`)
    const archive = await bytesOf(got)
    t.equal(Number(got.headers.get('content-length')), archive.byteLength)
    t.same(unzip(testFolder(t), archive), DIGESTS)
    for (const [n, [path, bytes]] of Object.entries(INSIDE).entries()) {
      const one = await fetch(`${directUrl.replace(url(), url(1))}/${n}`, {
        headers: { 'if-range': `"${secret}"` }
      })
      t.equal(one.status, 200, path)
      t.equal(
        one.headers.get('content-location'),
        `/download/${answer.url.split('/').at(-1)}/${n}?claim=${secret}`
      )
      t.match(one.headers.get('content-disposition'), path.split('/').at(-1))
      t.ok((await bytesOf(one)).equals(bytes), path)
    }
    t.equal(await claimsMade(cluster, directUrl), 1)
    for (const address of [directUrl, `${directUrl}/0`, answer.url])
      t.equal(await askAsStranger(address), 410)
  })

  t.test('it is consumed when each file was sent, and no sooner', async (t) => {
    const { directUrl } = await share()
    const secret = newSecret()
    for (const n of [3, 1, 2]) {
      t.equal((await fetch(`${directUrl}/${n}?claim=${secret}`)).status, 200)
      t.match(await claimOf(cluster, directUrl, secret), { state: 'claimed' })
    }
    await (await fetch(`${directUrl}/0?claim=${secret}`)).arrayBuffer()
    await until(
      'all of it is sent',
      async () => (await claimOf(cluster, directUrl, secret))?.state === 'consumed'
    )
    t.match(await claimOf(cluster, directUrl, secret), { covered: [{ start: 0, end: PAYLOAD }] })
  })

  t.test('or with the last byte of its archive, without which that cannot be opened', async (t) => {
    const { directUrl } = await share()
    const secret = newSecret()
    const address = `${directUrl}?claim=${secret}`
    const head = await fetch(directUrl, { method: 'HEAD' })
    const size = Number(head.headers.get('content-length'))
    t.equal(await claimsMade(cluster, directUrl), 0, 'the length is told without redeeming')
    const first = await bytesOf(await fetch(address, { headers: { range: `bytes=0-${size - 2}` } }))
    const payloadEnd = PAYLOAD - 1
    await until(
      'that is reported',
      async () => (await claimOf(cluster, directUrl, secret))?.covered[0]?.end === payloadEnd
    )
    t.match(await claimOf(cluster, directUrl, secret), { state: 'claimed', bytesSent: size - 1 })
    const last = await fetch(address, { headers: { range: `bytes=${size - 1}-` } })
    t.equal(last.status, 206)
    t.equal(last.headers.get('content-range'), `bytes ${size - 1}-${size - 1}/${size}`)
    t.same(unzip(testFolder(t), Buffer.concat([first, await bytesOf(last)])), DIGESTS)
    await until(
      'it is consumed',
      async () => (await claimOf(cluster, directUrl, secret))?.state === 'consumed'
    )
  })

  t.test('an archive that is cut goes on where it was, by curl and by wget', async (t) => {
    // of more than one chunk
    const large = { ...FILES, 'holiday/large': sampleBytes(5_000_000, 3) }
    const digests = { ...DIGESTS, ...digestsOf({ large: large['holiday/large'] }) }
    for (const program of ['curl', 'wget']) {
      const { directUrl } = await share(large)
      const line = await cuttingProxy(t, url(), { afterBytes: 2_000_000, cuts: 2, nextTarget: url(1) })
      const folder = testFolder(t)
      const address = directUrl.replace(url(), line.url)
      const file = `${folder}/file`
      if (program === 'curl') {
        const codes = []
        const claimed = `${address}?claim=${newSecret()}`
        for (let i = 0; i < 3; i++) codes.push((await curl(['-C', '-', '-o', file, claimed])).code)
        t.same(codes, [18, 18, 0])
      } else if (spawnSync('wget', ['--version']).status === 0) {
        // not awaited in between: the proxy lives in this process
        const { code } = await wget(['-q', '--tries=5', '--waitretry=0', '-O', file, address])
        t.equal(code, 0)
      } else continue
      t.equal(line.cuts, 2)
      t.same(unzip(folder, readFileSync(file)), digests, program)
      t.equal(await claimsMade(cluster, directUrl), 1)
    }
  })

  t.test('ranges of the archive and of its files are the same bytes', async (t) => {
    const { directUrl, url: page } = await share(FILES, { downloads: '2' })
    const secret = newSecret()
    const whole = await bytesOf(await fetch(`${directUrl}?claim=${secret}`))
    const layout = new ZipLayout(await indexOf(page))
    t.equal(layout.sizeBytes, whole.byteLength)
    for (const [start, end] of [
      [0, 1],
      [0, 50],
      [30, 45],
      [40, 200],
      [60_000, 200_000],
      [299_000, 300_500],
      [whole.byteLength - 30, whole.byteLength]
    ] as const) {
      const part = await fetch(`${directUrl}?claim=${secret}`, {
        headers: { range: `bytes=${start}-${end - 1}` }
      })
      t.equal(part.status, 206)
      t.ok((await bytesOf(part)).equals(whole.subarray(start, end)), `${start} to ${end}`)
    }
    const entry = await fetch(`${directUrl}/2?claim=${secret}`, { headers: { range: 'bytes=5-14' } })
    t.equal(entry.headers.get('content-range'), 'bytes 5-14/300000')
    t.ok((await bytesOf(entry)).equals(sampleBytes(300_000).subarray(5, 15)))
    const empty = await fetch(`${directUrl}/1?claim=${secret}`, { headers: { range: 'bytes=0-' } })
    t.equal(empty.status, 200)
    t.equal((await bytesOf(empty)).byteLength, 0)
    const tail = await fetch(`${directUrl}?claim=${secret}`, { headers: { range: 'bytes=99999999-' } })
    t.equal(tail.status, 416)
    t.equal(await claimsMade(cluster, directUrl), 1)
  })

  t.test('what is not there spends nothing', async (t) => {
    const { directUrl } = await share()
    const secret = newSecret()
    for (const path of ['/4', '/99999', '/x', '/-1', '/00', `/4?claim=${secret}`])
      t.equal((await fetch(directUrl + path, JSON_WANTED)).status, 404, path)
    const outside = await fetch(`${directUrl}/0`, { headers: { range: 'bytes=6-' } })
    t.equal(outside.status, 416)
    t.equal(outside.headers.get('content-range'), 'bytes */6')
    for (const headers of [
      { accept: 'text/html' },
      { 'user-agent': 'Slackbot 1.0' },
      { purpose: 'prefetch' }
    ])
      t.match(
        await (await fetch(`${directUrl}/0`, { headers })).text(),
        /for you|until/,
        'whoever looks gets the page'
      )
    t.equal((await fetch(`${directUrl}/0`, { method: 'HEAD' })).headers.get('content-length'), '6')
    t.equal(await claimsMade(cluster, directUrl), 0)
    const plain = await uploadFiles(url(), { 'one.txt': Buffer.from('one') })
    t.equal(await codeOf(await fetch(`${plain.directUrl}/0`, JSON_WANTED)), 'index-none')
    t.equal(await codeOf(await fetch(`${plain.url}/index`, JSON_WANTED)), 'index-none')
    t.equal((await fetch(`${url()}/d/${'x'.repeat(24)}/index`)).status, 404)
    t.equal(await claimsMade(cluster, plain.directUrl), 0)
  })

  t.test('its list is told without redeeming, to a claimant also after', async (t) => {
    const { directUrl, url: page } = await share()
    const answer = await fetch(`${page}/index`)
    t.equal(answer.headers.get('content-type'), 'application/json')
    const index = await indexOf(page)
    t.match(index, { name: 'holiday', entries: { length: 4 } })
    t.same(
      index.entries.map(({ path, sizeBytes, crc32: crc }) => [path, sizeBytes, crc]),
      Object.entries(INSIDE).map(([path, bytes]) => [path, bytes.byteLength, crc32(bytes)])
    )
    const told = (await (await fetch(page, JSON_WANTED)).json()) as Record<string, number>
    t.match(told, {
      name: 'holiday',
      entries: 4,
      payloadBytes: PAYLOAD,
      encryption: null,
      proofRequired: false
    })
    t.equal(told['indexBytes'], Number(answer.headers.get('content-length')))
    t.equal((told['payloadBytes'] ?? 0) + (told['indexBytes'] ?? 0), told['size'])
    t.equal((await fetch(`${page}/index`, { method: 'HEAD' })).status, 200)
    t.equal(await claimsMade(cluster, directUrl), 0)
    const secret = newSecret()
    await (await fetch(`${directUrl}?claim=${secret}`)).arrayBuffer()
    t.equal((await fetch(`${page}/index`)).status, 410)
    t.equal((await fetch(`${page}/index?claim=${secret}`)).status, 200)
    t.equal((await fetch(`${page}/index?claim=${newSecret()}`)).status, 410)
  })

  t.test('of a link with a password nothing is told without it', async (t) => {
    const { directUrl, url: page } = await share(FILES, { password: 'open sesame' })
    t.equal((await fetch(`${page}/index`)).status, 401)
    t.equal((await fetch(`${page}/index`, { method: 'HEAD' })).status, 401)
    t.equal((await fetch(`${page}/index`, { headers: { 'x-password': 'guess' } })).status, 403)
    const right = { headers: { 'x-password': 'open sesame', accept: 'application/json' } }
    t.equal((await fetch(`${page}/index`, right)).status, 200)
    const closed = (await (await fetch(page, JSON_WANTED)).json()) as object
    for (const field of ['entries', 'payloadBytes', 'indexBytes', 'name']) t.notOk(field in closed, field)
    t.match(await (await fetch(page, right)).json(), { entries: 4 })
    t.notMatch(await (await fetch(page, PERSON)).text(), /a\.txt|holiday|300000/)
    for (const path of ['/0', '/77']) t.equal((await fetch(directUrl + path, JSON_WANTED)).status, 401, path)
    t.equal(await codeOf(await fetch(`${directUrl}/77`, right)), 'not-found')
    t.equal(await claimsMade(cluster, directUrl), 0)
  })

  t.test('without scripts: a page with the files, a button, and a page to take them from', async (t) => {
    const { directUrl, url: page } = await share()
    const text = await (await fetch(page, PERSON)).text()
    for (const path of Object.keys(INSIDE)) t.match(text, `>${path}<`)
    t.match(text, /Files for you/)
    t.match(text, /data-payload-bytes="370006"/)
    t.equal(await claimsMade(cluster, directUrl), 0)
    const claim = /name="claim" value="([^"]+)"/.exec(text)?.[1] ?? ''
    const press = () =>
      fetch(page, { method: 'POST', body: new URLSearchParams({ claim }), redirect: 'manual', ...PERSON })
    for (const answer of [await press(), await press()]) {
      t.equal(answer.status, 303)
      t.equal(answer.headers.get('location'), `${new URL(page).pathname}?claim=${claim}`)
    }
    const claimed = await (await fetch(`${page}?claim=${claim}`, PERSON)).text()
    t.match(claimed, /possible until <time/)
    const links = [...claimed.matchAll(/href="(\/download\/[^"]+)"/g)].map(([, path]) => path ?? '')
    t.equal(links.length, 5)
    for (const [i, path] of links.entries()) {
      const got = await fetch(url() + path.replaceAll('&amp;', '&'), PERSON)
      t.equal(got.status, 200)
      const bytes = await bytesOf(got)
      if (i > 0) t.ok(bytes.equals(Object.values(INSIDE)[i - 1] ?? Buffer.from('?')), path)
    }
    t.equal(await claimsMade(cluster, directUrl), 1)
    t.equal((await fetch(page, PERSON)).status, 410, 'others are told that it is used')
    t.match(await (await fetch(`${page}?claim=${claim}`, JSON_WANTED)).json(), {
      entries: 4,
      downloadsLeft: 0
    })
  })

  t.test('the button by curl leads to the archive', async (t) => {
    const { url: page } = await share()
    const { stdout } = await curl(['-L', '-d', '', page])
    t.same(unzip(testFolder(t), stdout), DIGESTS)
  })

  t.test('its sender sees how many files it has, and how far each download is', async (t) => {
    const { directUrl, senderUrl } = await share()
    t.match(await (await fetch(senderUrl, JSON_WANTED)).json(), {
      name: 'holiday',
      entries: 4,
      payloadBytes: PAYLOAD
    })
    t.match(await (await fetch(senderUrl, PERSON)).text(), /<dt>Files<\/dt>\s*<dd>4<\/dd>/)
    await (await fetch(directUrl)).arrayBuffer()
    await until('it is finished', async () => {
      const { claims } = (await (await fetch(senderUrl, JSON_WANTED)).json()) as {
        claims: Array<{ outcome: string }>
      }
      return claims[0]?.outcome === 'finished'
    })
  })
})

async function wget(args: readonly string[]): Promise<{ code: number }> {
  const child = spawn('wget', args, { stdio: 'ignore' })
  const [code] = (await once(child, 'close')) as [number]
  return { code }
}

t.test('where no copy can be reached nothing is spent, and people still see a page', async (t) => {
  const cluster = await startEdges(t, { config: { replication: { getTimeoutMs: 200, attemptsPerCopy: 1 } } })
  const { directUrl, url: page } = await uploadFiles(cluster.url(), FILES)
  for (const [n] of cluster.cluster.nodes.entries()) await cluster.cluster.stopNode(n, { crash: true })
  t.equal((await fetch(directUrl, JSON_WANTED)).status, 503)
  t.equal((await fetch(`${directUrl}/0`, JSON_WANTED)).status, 503)
  t.equal((await fetch(`${page}/index`, JSON_WANTED)).status, 503)
  const text = await (await fetch(page, PERSON)).text()
  t.match(text, 'holiday')
  t.match(text, /type="submit"/)
  t.equal(await claimsMade(cluster, directUrl), 0)
})
