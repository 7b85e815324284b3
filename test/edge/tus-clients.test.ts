/** tus-js-client, as pages and programs use it, over lines that break and edges that go. */

import { createHash } from 'node:crypto'
import t from 'tap'
import { Upload } from 'tus-js-client'
import type { HttpResponse, UploadOptions } from 'tus-js-client'
import { cuttingProxy } from '../kit/cutting-proxy.ts'
import { until } from '../kit/until.ts'
import { sampleBytes, startEdges } from './edge-cluster.ts'

const MB = 1_000_000

/** Uploads until it succeeds or gives up; says what it was told last, and what it asked for. */
async function send(
  bytes: Buffer,
  endpoint: string,
  options: Partial<UploadOptions> = {}
): Promise<{ last: HttpResponse; requests: string[] }> {
  const requests: string[] = []
  return await new Promise((resolve, reject) => {
    new Upload(bytes, {
      endpoint,
      metadata: { filename: 'a.bin', filetype: 'application/x-thing' },
      retryDelays: Array.from({ length: 30 }, () => 50),
      onBeforeRequest: (request) => void requests.push(request.getMethod()),
      onError: reject,
      onSuccess: ({ lastResponse }) => resolve({ last: lastResponse, requests }),
      ...options
    }).start()
  })
}

const download = async (link: string | undefined): Promise<Buffer> => {
  const answer = await fetch((link ?? '').replace('/d/', '/download/'))
  return Buffer.from(await answer.arrayBuffer())
}

t.test('tus-js-client over lines that break', async (t) => {
  const { cluster, edges, url, addEdge } = await startEdges(t, {
    edges: 2,
    config: { edge: { port: 0, uploadBytesMax: 40 * MB, memoryBytes: 16 * 1024 * 1024 } }
  })

  t.test('a line that is cut again and again, and another edge each time', async (t) => {
    const bytes = sampleBytes(14 * MB)
    const line = await cuttingProxy(t, url(0), { afterBytes: 3 * MB, cuts: 4, ofRequests: true })
    let other = 0
    const { last } = await send(bytes, `${line.url}/files/`, {
      onBeforeRequest: (request) => {
        if (request.getMethod() === 'HEAD') line.aim(url(++other % 2))
      }
    })
    t.equal(line.cuts, 4)
    t.ok((await download(last.getHeader('x-link'))).equals(bytes))
    t.ok(edges.every(({ memory }) => memory.peak <= memory.total))
    await until('all memory is given back', () => edges.every(({ memory }) => memory.used === 0))
  })

  t.test('an edge that stops in the middle, with its digests', async (t) => {
    const bytes = sampleBytes(11 * MB, 2)
    const going = await addEdge()
    const line = await cuttingProxy(t, going.edge.url, { afterBytes: 7 * MB, ofRequests: true })
    let stopped: Promise<void> | undefined
    const { last, requests } = await send(bytes, `${line.url}/files/`, {
      metadata: {
        filename: 'b.bin',
        sha256: createHash('sha256').update(bytes).digest('hex'),
        md5: createHash('md5').update(bytes).digest('base64'),
        downloads: '2'
      },
      onShouldRetry: () => {
        stopped ??= going.edge.stop()
        line.aim(url(1))
        return true
      }
    })
    await stopped
    // it may have to ask more than once, while the part before is being stored
    const sent = requests.filter((method) => method !== 'HEAD')
    t.strictSame(sent, ['POST', 'PATCH', 'PATCH'], 'it is never begun anew')
    t.ok((await download(last.getHeader('x-link'))).equals(bytes))
  })

  t.test('what came before a line broke is not sent again', async (t) => {
    const bytes = sampleBytes(9 * MB, 3)
    const line = await cuttingProxy(t, url(0), { afterBytes: 2 * MB, cuts: 3, ofRequests: true })
    const offsets: number[] = []
    await send(bytes, `${line.url}/files/`, {
      onAfterResponse: (request, response) => {
        // 423: what came before is still being stored
        if (request.getMethod() === 'HEAD' && response.getStatus() === 200)
          offsets.push(Number(response.getHeader('upload-offset')))
      }
    })
    t.equal(offsets.length, 3)
    // each connection brought something that is less than a chunk, two million bytes at best: who comes back at once may find the edge still reading
    for (const [i, offset] of offsets.entries())
      t.ok(offset > (offsets[i - 1] ?? 0), `${offset} after ${i + 1} connections`)
    await until('none was begun anew', async () => (await cluster.controller.status()).files === 3)
  })

  t.test('in parts of its own, through POST alone, all at once', async (t) => {
    const bytes = sampleBytes(5 * MB, 4)
    const { last } = await send(bytes, `${url(0)}/files/`, {
      chunkSize: 1_300_000,
      overridePatchMethod: true,
      uploadDataDuringCreation: true
    })
    t.ok((await download(last.getHeader('x-link'))).equals(bytes))
  })
})
