/** A large file comes down over a line that is cut again and again, and from an edge that is killed in the middle: whole, for one redemption, with memory flat. */

import { createCipheriv, createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { startCuttingProxy } from '../kit/cutting-proxy.ts'
import type { CuttingProxy } from '../kit/cutting-proxy.ts'
import { MemorySampler, readOptions, runProgram } from './program.ts'
import { pause } from './scene.ts'

const MB = 1e6
const PIECE_BYTES = 1e6
const ATTEMPTS_MAX = 200
/** An edge may hold so much more in the second half of a download than in the first: the collector of its runtime is not exact. */
const GROWTH_MAX_MB = 100

const options = readOptions(
  'big-download',
  'Uploads one large file and downloads it over a connection that is cut, and from an edge that is killed (SIGKILL) in the middle; compares SHA-256, counts claims, samples memory.',
  {
    mb: { what: 'size of the file in MB', default: 2000, least: 1, most: 100_000 },
    cuts: { what: 'how often the connection is cut', default: 5, least: 0, most: 100 },
    nodes: { what: 'storage nodes', default: 3, least: 3, most: 12 },
    'edge-mb': {
      what: 'anonymous memory that an edge may take, in MB',
      default: 600,
      least: 50,
      most: 100_000
    }
  }
)
const sizeBytes = options.mb * MB

/** Bytes that follow from the seed. */
function* content(hash: Hash): Generator<Buffer> {
  const key = createHash('sha256').update(`big ${options.seed}`).digest()
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(PIECE_BYTES)
  for (let done = 0; done < sizeBytes; done += PIECE_BYTES) {
    const piece = cipher.update(zeros.subarray(0, Math.min(PIECE_BYTES, sizeBytes - done)))
    hash.update(piece)
    yield piece
  }
}

const uploaded = z.object({ url: z.url(), directUrl: z.url() })

/** @returns the link, and the SHA-256 of what was sent */
async function upload(edge: string): Promise<z.output<typeof uploaded> & { sha256: string }> {
  const hash = createHash('sha256')
  const outgoing = request(`${edge}/big.bin`, {
    method: 'PUT',
    headers: { 'content-length': sizeBytes, 'max-downloads': '2', accept: 'application/json' }
  })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve)
    outgoing.on('error', reject)
  })
  await Promise.all([pipeline(content(hash), outgoing), answered])
  const answer = await answered
  let text = ''
  for await (const piece of answer.setEncoding('utf8') as AsyncIterable<string>) text += piece
  if (answer.statusCode !== 201) throw new Error(`the upload was answered ${answer.statusCode}: ${text}`)
  return { ...uploaded.parse(JSON.parse(text)), sha256: hash.digest('hex') }
}

/** A download that resumes as browsers do: Range, and the validator in If-Range. */
class Download {
  readonly hash = createHash('sha256')
  readonly statuses: number[] = []
  gotBytes = 0
  etag: string | undefined

  /** One request; resolves when it is over, whether or not everything came. */
  async attempt(url: string, onProgress: () => void): Promise<void> {
    const headers = this.etag === undefined ? {} : { range: `bytes=${this.gotBytes}-`, 'if-range': this.etag }
    const outgoing = request(url, { headers, agent: false, timeout: 60_000 })
    outgoing.on('timeout', () => outgoing.destroy(new Error('nothing moved for a minute')))
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.on('response', resolve)
      outgoing.on('error', reject)
      outgoing.end()
    })
    this.statuses.push(answer.statusCode ?? 0)
    const isWanted = answer.statusCode === (this.etag === undefined ? 200 : 206)
    if (!isWanted) {
      answer.resume()
      throw new Error(`answered ${answer.statusCode}`)
    }
    this.etag ??= answer.headers.etag
    for await (const piece of answer as AsyncIterable<Buffer>) {
      this.hash.update(piece)
      this.gotBytes += piece.byteLength
      onProgress()
    }
  }
}

const settings = [
  `edge.uploadBytesMax=${sizeBytes}`,
  'controller.uploadTtlMs=600000',
  'link.graceMs=600000',
  'link.leaseMs=600000'
]
const timeLimitSeconds = options['time-limit']
await runProgram(
  'big-download',
  { nodes: options.nodes, edges: 2, settings, timeLimitSeconds },
  async (cluster) => {
    const [first = '', second = ''] = cluster.directUrls
    const victim = cluster.edges[0]
    if (victim === undefined) throw new Error('there is no edge')
    const startedAt = performance.now()
    const link = await upload(first)
    const upSeconds = (performance.now() - startedAt) / 1000
    console.log(`uploaded ${options.mb} MB in ${upSeconds.toFixed(1)} s`)

    const line: CuttingProxy = await startCuttingProxy(first, {
      afterBytes: Math.floor(sizeBytes / (options.cuts + 2)),
      cuts: options.cuts
    })
    const memory = new MemorySampler(() => ({
      ...Object.fromEntries(cluster.edges.map(({ name, pid }) => [name, pid])),
      client: process.pid
    }))
    const download = new Download()
    const problems: string[] = []
    let killed: Promise<void> | undefined
    const onProgress = (): void => {
      if (killed !== undefined || download.gotBytes < sizeBytes / 2) return
      memory.secondHalf()
      line.aim(second)
      console.log(`killing ${victim.name} at ${Math.round(download.gotBytes / MB)} MB`)
      killed = victim.kill().then(() => victim.start())
    }
    const path = new URL(link.directUrl).pathname
    const downAt = performance.now()
    for (let attempt = 0; attempt < ATTEMPTS_MAX && download.gotBytes < sizeBytes; attempt++) {
      const before = download.gotBytes
      await download.attempt(line.url + path, onProgress).catch((error: unknown) => {
        console.log(
          `broken at ${Math.round(download.gotBytes / MB)} MB: ${error instanceof Error ? error.message : String(error)}`
        )
      })
      if (download.gotBytes === before) await pause(500)
    }
    await killed
    const seconds = (performance.now() - downAt) / 1000
    await line.close()
    const peaks = await memory.stop()

    const sha256 = download.hash.digest('hex')
    if (download.gotBytes !== sizeBytes) problems.push(`${download.gotBytes} bytes of ${sizeBytes} came`)
    else if (sha256 !== link.sha256) problems.push(`SHA-256 is ${sha256}, not ${link.sha256}`)
    if (line.cuts !== options.cuts) problems.push(`the line was cut ${line.cuts} times`)
    if (killed === undefined) problems.push('no edge was killed')
    const page = await fetch(new URL(new URL(link.url).pathname, second), {
      headers: { accept: 'application/json' }
    })
    const { downloadsLeft } = z.object({ downloadsLeft: z.int() }).parse(await page.json())
    if (downloadsLeft !== 1)
      problems.push(`of two downloads ${downloadsLeft} are left: not one claim was made`)
    const sizes: string[] = []
    for (const [name, { first: early, last: late }] of peaks) {
      sizes.push(`${name} ${early}/${late} MB`)
      if (name === 'client') continue
      if (Math.max(early, late) > options['edge-mb'])
        problems.push(`${name} took ${Math.max(early, late)} MB`)
      if (name === 'edge-2' && late > options['edge-mb'] / 2 + GROWTH_MAX_MB)
        problems.push(`${name} grew to ${late} MB`)
    }
    return {
      problems,
      summary: `${options.mb} MB over ${line.cuts} cuts and a killed edge, ${download.statuses.length} requests, ${(options.mb / seconds).toFixed(1)} MB/s, ${2 - downloadsLeft} claim, memory before/after the kill: ${sizes.join(', ')}`
    }
  }
)
