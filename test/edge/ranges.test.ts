/** Ranges to the letter of docs/share-links.md: what each of them sends, and what it spends. */

import t from 'tap'
import type { Test } from 'tap'
import { until } from '../kit/until.ts'
import { askAsStranger, claimOf, claimsMade, newSecret } from './claims.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'

const JSON_ONLY = { accept: 'application/json' }
/** More than one piece of a response. */
const SIZE = 300_000
const bytes = sampleBytes(SIZE)
const codeOf = async (answer: Response): Promise<string> => ((await answer.json()) as { code: string }).code
const bytesOf = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer())

/** One range, and what comes for it: the bytes from `start` to before `end`, or everything, or nothing. */
const RANGES: Array<{ header: string; status: 200 | 206 | 416; start?: number; end?: number }> = [
  { header: 'bytes=0-0', status: 206, start: 0, end: 1 },
  { header: `bytes=0-${SIZE - 2}`, status: 206, start: 0, end: SIZE - 1 },
  { header: 'bytes=1-', status: 206, start: 1, end: SIZE },
  { header: 'bytes=262140-262150', status: 206, start: 262_140, end: 262_151 },
  { header: 'bytes=-1', status: 206, start: SIZE - 1, end: SIZE },
  { header: `bytes=-${SIZE - 1}`, status: 206, start: 1, end: SIZE },
  { header: `bytes=-${SIZE * 2}`, status: 206, start: 0, end: SIZE },
  { header: `bytes=${SIZE - 1}-${SIZE + 99}`, status: 206, start: SIZE - 1, end: SIZE },
  { header: `bytes=${SIZE}-`, status: 416 },
  { header: `bytes=${SIZE}-${SIZE + 9}`, status: 416 },
  { header: `bytes=${'9'.repeat(15)}-`, status: 416 },
  { header: 'bytes=-0', status: 416 },
  { header: 'bytes=0-0,-1', status: 200 },
  { header: 'bytes=0-99,50-149', status: 200 },
  { header: `bytes=0-0,${SIZE}-`, status: 200 },
  { header: 'bytes=9-1', status: 200 },
  { header: 'lines=0-1', status: 200 },
  { header: 'bytes=a-b', status: 200 }
]

t.setTimeout(240_000)

t.test('ranges', async (t) => {
  const cluster = await startEdges(t, { edges: 2 })
  const { url } = cluster
  const share = (fields: Record<string, string> = {}) => upload(url(), bytes, { fields })
  const get = (address: string, range: string): Promise<Response> =>
    fetch(address, { headers: { range, ...JSON_ONLY } })
  /** What has been reported of a claim, once so many bytes have been. */
  const reported = async (t: Test, address: string, secret: string, bytesSent: number) => {
    await until(`${bytesSent} bytes are reported`, async () => {
      const claim = await claimOf(cluster, address, secret)
      return (claim?.bytesSent ?? 0) >= bytesSent
    })
    const claim = await claimOf(cluster, address, secret)
    t.equal(claim?.bytesSent, bytesSent, 'what was sent is counted, and no more')
    return claim
  }

  for (const { header, status, start = 0, end = SIZE } of RANGES) {
    const what = header.length > 40 ? `${header.slice(0, 40)}…` : header
    t.test(`${what} is answered ${status} to the claimant, and costs what was sent`, async (t) => {
      const { directUrl } = await share()
      const secret = newSecret()
      const address = `${directUrl}?claim=${secret}`
      await bytesOf(await get(address, 'bytes=7-7')) // the claim is made
      const answer = await get(address, header)
      t.equal(answer.status, status)
      if (status === 416) {
        t.equal(answer.headers.get('content-range'), `bytes */${SIZE}`)
        t.equal(await codeOf(answer), 'range-not-satisfiable')
        t.match(await reported(t, directUrl, secret, 1), { state: 'claimed' })
        return
      }
      const expected = status === 206 ? `bytes ${start}-${end - 1}/${SIZE}` : null
      t.equal(answer.headers.get('content-range'), expected)
      t.ok(bytes.subarray(start, end).equals(await bytesOf(answer)))
      const isAll = start === 0 && end === SIZE
      t.match(
        await reported(t, directUrl, secret, 1 + end - start),
        { state: isAll ? 'consumed' : 'claimed' },
        isAll ? 'all of it is all' : 'less than all of it is not all'
      )
    })

    t.test(
      `${what} by somebody who has nothing: ${status === 416 ? 'spends nothing' : 'redeems'}`,
      async (t) => {
        const { directUrl } = await share()
        const answer = await get(directUrl, header)
        t.equal(answer.status, status)
        const got = await bytesOf(answer)
        if (status === 416) {
          t.equal(await claimsMade(cluster, directUrl), 0)
          const own = await get(`${directUrl}?claim=${newSecret()}`, header)
          t.equal(own.status, 416, 'also with a secret of its own')
          await own.arrayBuffer()
          t.equal(await claimsMade(cluster, directUrl), 0)
          t.equal(await askAsStranger(directUrl), 200)
          return
        }
        t.ok(bytes.subarray(start, end).equals(got))
        t.equal(await claimsMade(cluster, directUrl), 1)
        // whoever comes second gets nothing, whatever part it asks for, and the claim is not charged for it
        const secret = answer.headers.get('etag')?.slice(1, -1) ?? ''
        for (const other of ['bytes=0-0', `bytes=${end}-`, 'bytes=-1', 'bytes=0-0,2-3', `bytes=${SIZE}-`]) {
          const refused = await get(directUrl.replace(url(0), url(1)), other)
          t.equal(refused.status, 410)
          t.equal(await codeOf(refused), 'link-used')
        }
        await reported(t, directUrl, secret, end - start)
        t.equal(await claimsMade(cluster, directUrl), 1)
      }
    )
  }

  t.test('ranges that overlap cover the file once, and are charged twice', async (t) => {
    const { directUrl } = await share()
    const secret = newSecret()
    const address = `${directUrl}?claim=${secret}`
    await bytesOf(await get(address, 'bytes=0-199999'))
    t.match(await reported(t, directUrl, secret, 200_000), { state: 'claimed' })
    await bytesOf(await get(address, 'bytes=100000-'))
    t.match(await reported(t, directUrl, secret, 400_000), {
      state: 'consumed',
      covered: [{ start: 0, end: SIZE }]
    })
  })

  t.test('the same range over and over is never the whole file', async (t) => {
    const { directUrl } = await share()
    const secret = newSecret()
    for (let i = 1; i <= 3; i++) {
      await bytesOf(await get(`${directUrl}?claim=${secret}`, `bytes=0-${SIZE - 2}`))
      t.match(await reported(t, directUrl, secret, i * (SIZE - 1)), { state: 'claimed' })
    }
    const rest = await get(`${directUrl}?claim=${secret}`, 'bytes=-1')
    t.equal(rest.status, 206, 'the last byte is within the budget')
    await rest.arrayBuffer()
    await until(
      'it is consumed',
      async () => (await claimOf(cluster, directUrl, secret))?.state !== 'claimed'
    )
  })

  t.test('ranges from two edges at once, in any order, cover the file together', async (t) => {
    for (let round = 0; round < 3; round++) {
      const { directUrl } = await share()
      const secret = newSecret()
      const parts = 16
      const step = Math.ceil(SIZE / parts)
      const pieces = await Promise.all(
        Array.from({ length: parts }, async (_, i) => {
          const index = (i * 7) % parts
          const from = index * step
          const address = `${directUrl.replace(url(0), url(i % 2))}?claim=${secret}`
          const answer = await get(address, `bytes=${from}-${from + step - 1}`)
          return { index, status: answer.status, got: await bytesOf(answer) }
        })
      )
      t.same(new Set(pieces.map(({ status }) => status)), new Set([206]))
      const whole = Buffer.concat(pieces.toSorted((a, b) => a.index - b.index).map(({ got }) => got))
      t.ok(bytes.equals(whole))
      t.match(await reported(t, directUrl, secret, SIZE), {
        state: 'consumed',
        covered: [{ start: 0, end: SIZE }]
      })
      t.equal(await claimsMade(cluster, directUrl), 1)
    }
  })

  t.test(
    'If-Range lets a range through for exactly the claim, and costs a stranger nothing but a no',
    async (t) => {
      const { directUrl } = await share()
      const secret = newSecret()
      const range = 'bytes=5-9'
      await bytesOf(await get(`${directUrl}?claim=${secret}`, range))
      const ask = (ifRange: string, address = directUrl) =>
        fetch(address, { headers: { range, 'if-range': ifRange, ...JSON_ONLY } })
      const mine = await ask(`"${secret}"`)
      t.equal(mine.status, 206)
      t.ok(bytes.subarray(5, 10).equals(await bytesOf(mine)))
      for (const other of [`W/"${secret}"`, secret, `"${newSecret()}"`, 'Wed, 21 Oct 2026 07:28:00 GMT', '"'])
        t.equal((await ask(other)).status, 410, other.slice(0, 5))
      const whole = await ask('"something else"', `${directUrl}?claim=${secret}`)
      t.equal(whole.status, 200, 'to the claimant another validator means: everything')
      t.ok(bytes.equals(await bytesOf(whole)))
    }
  )
})

t.test('a first byte that was fetched by a stranger counts as a download when its lease ends', async (t) => {
  const cluster = await startEdges(t, { config: { link: { leaseMs: 1000, reportIntervalMs: 20 } } })
  const { directUrl, url: page } = await upload(cluster.url(), bytes)
  const first = await fetch(directUrl, { headers: { range: 'bytes=0-0' } })
  t.equal(first.status, 206)
  t.equal((await bytesOf(first)).length, 1)
  const etag = first.headers.get('etag') ?? ''
  await until('the lease has ended', async () => {
    const answer = await fetch(directUrl, { headers: { range: 'bytes=1-1', 'if-range': etag, ...JSON_ONLY } })
    await answer.arrayBuffer()
    // asking keeps the lease alive: wait longer than it lasts
    await new Promise((resolve) => setTimeout(resolve, 1500))
    return answer.status === 410
  })
  const late = await fetch(page, { headers: JSON_ONLY })
  t.equal(late.status, 410)
  t.equal(await codeOf(late), 'link-used')
})
