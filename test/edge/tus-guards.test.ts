/** What holds for every upload holds for those that go on later: limits, passwords, the scanner, and what never reaches a log. */

import t from 'tap'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { uploadKeys } from '../../src/protocol/upload-secret.ts'
import { createLogger } from '../../src/runtime/logger.ts'
import type { Generation } from '../../src/types.ts'
import { EICAR } from '../kit/clamd.ts'
import { until } from '../kit/until.ts'
import { sampleBytes, startEdges } from './edge-cluster.ts'
import { codeOf, create, offsetAt, open, patch, tus } from './tus-kit.ts'

const MB = 1_000_000
/** What it finds it refuses, and some things it takes its time for. */
const SCANNER = [
  'sh',
  '-c',
  'case "$(grep -ao -e EICAR-STANDARD -e SLOWLY)" in EICAR*) echo Eicar; exit 1;; SLOWLY) sleep 4;; esac; exit 0'
]

async function scanned(url: string): Promise<number> {
  const { edge } = (await (await fetch(`${url}/status`)).json()) as { edge: { scans: { clean: number } } }
  return edge.scans.clean
}

t.test('what holds for every upload', async (t) => {
  const lines: string[] = []
  const metadata = new MemoryMetadataStore()
  const { cluster, url } = await startEdges(t, {
    edges: 2,
    metadata,
    config: {
      scan: { command: SCANNER },
      edge: { port: 0 },
      anonymous: { spaceBytesMax: 30 * MB, dailyBytesMax: 24 * MB, uploadsPerHour: 40 }
    },
    logger: createLogger('debug', {}, { write: (line: string) => void lines.push(line) })
  })
  const first = url(0)
  const second = url(1)

  t.test('a password is asked for, and known to nobody', async (t) => {
    const path = await open(first, 5000, { password: 'open sesame', filename: 'a.txt' })
    const head = await tus('HEAD', first + path)
    t.equal(head.headers.get('upload-metadata'), `filename ${Buffer.from('a.txt').toString('base64')}`)
    await patch(first + path, 0, sampleBytes(3000))
    const last = await patch(second + path, 3000, sampleBytes(2000))
    const link = (last.headers.get('x-link') ?? '').replace('/d/', '/download/')
    t.equal((await fetch(link)).status, 401)
    t.equal((await fetch(link, { headers: { 'x-password': 'open sesame' } })).status, 200)
    const secret = path.slice('/files/'.length)
    const found = lines.filter((line) => line.includes(secret) || line.includes('sesame'))
    t.strictSame(found, [], 'neither the address nor the password is in a log')
    t.ok(
      lines.some((line) => line.includes('/files/:secret')),
      'the route is'
    )
  })

  t.test('the scanner sees the whole file, however it came', async (t) => {
    const bytes = Buffer.concat([sampleBytes(5 * MB), Buffer.from(EICAR), sampleBytes(1000)])
    const middle = 5 * MB + 20
    const path = await open(first, bytes.length)
    t.equal((await patch(first + path, 0, bytes.subarray(0, middle))).status, 204)
    t.equal(await codeOf(await patch(second + path, middle, bytes.subarray(middle))), '422 file-infected')
    t.equal((await tus('HEAD', first + path)).status, 410)
    t.equal((await metadata.stats(3)).files, 1)
  })

  t.test('a slow end goes on without its client, and nobody begins it anew', async (t) => {
    const bytes = Buffer.concat([sampleBytes(100_000), Buffer.from('SLOWLY')])
    const path = await open(first, bytes.length)
    const before = await scanned(second)
    const impatient = new AbortController()
    const last = patch(first + path, 0, bytes, {}, impatient.signal)
    await until('all of it is there', async () => {
      const { offset } = (await (await fetch(second + path)).json()) as { offset: number }
      return offset === bytes.length
    })
    impatient.abort()
    await t.rejects(last)
    const head = await tus('HEAD', second + path)
    t.equal(head.status, 200)
    t.ok(head.headers.get('x-link'))
    t.equal(await scanned(second), before, 'the other edge only waited')
  })

  t.test('an upload goes on after the controller and a node have started again', async (t) => {
    const bytes = sampleBytes(6 * MB)
    const path = await open(first, bytes.length)
    await patch(first + path, 0, bytes.subarray(0, 5 * MB))
    await cluster.restartController()
    await cluster.restartNode(0)
    t.equal(await offsetAt(second + path), 5 * MB, 'what was acknowledged is there')
    const last = await patch(second + path, 5 * MB, bytes.subarray(5 * MB))
    t.equal(last.status, 204)
    const link = (last.headers.get('x-link') ?? '').replace('/d/', '/download/')
    t.ok(Buffer.from(await (await fetch(link)).arrayBuffer()).equals(bytes))
  })

  t.test('the end is made up for, where whoever should have made it was lost', async (t) => {
    const bytes = sampleBytes(5 * MB, 9)
    const path = await open(first, bytes.length)
    const { commitUpload } = metadata
    const broken = Object.assign(metadata, { commitUpload: () => Promise.reject(new Error('lost')) })
    t.equal((await patch(first + path, 0, bytes)).status, 500)
    t.equal((await tus('HEAD', second + path)).status, 423, 'not an offset that says it is done')
    Object.assign(broken, { commitUpload })
    const head = await tus('HEAD', second + path)
    t.equal(head.headers.get('upload-offset'), String(bytes.length))
    const link = (head.headers.get('x-link') ?? '').replace('/d/', '/download/')
    t.ok(Buffer.from(await (await fetch(link)).arrayBuffer()).equals(bytes))
  })

  t.test('a file that a recovery found again is the end of its upload', async (t) => {
    const bytes = sampleBytes(5000)
    const path = await open(first, bytes.length)
    await patch(first + path, 0, bytes.subarray(0, 4000))
    const { file, token, deleteSecret } = uploadKeys(path.slice('/files/'.length))
    const piece = { id: chunkIdOf(bytes), sizeBytes: bytes.length, generation: 1 as Generation }
    const facts = {
      name: 'a',
      sizeBytes: bytes.length,
      mediaType: 'a/b',
      sha256: 'ab'.repeat(32),
      metadata: {}
    }
    const [tokenHash, deleteHash] = [hashSecret(token), hashSecret(deleteSecret)]
    await metadata.adoptFile({
      file: { id: file, uploadedAt: Date.now(), ...facts },
      manifest: { ...piece, id: chunkIdOf(Buffer.from('manifest')) },
      chunks: [piece],
      link: { tokenHash, deleteHash, downloads: 1, expiresAt: Date.now() + 60_000, state: 'live' }
    })
    const last = await patch(second + path, 4000, bytes.subarray(4000))
    t.equal(last.status, 204)
    t.match(last.headers.get('x-link'), new RegExp(`/d/${token}$`))
    t.equal((await metadata.stats(3)).uploadsOpen, 0)
  })

  t.test('one that stood still for too long is gone', async (t) => {
    const path = await open(first, 5000)
    const head = await tus('HEAD', first + path)
    const left = Date.parse(head.headers.get('upload-expires') ?? '') - Date.now()
    t.ok(Math.abs(left - 86_400_000) < 60_000, 'a day after what came last')
    const { upload } = uploadKeys(path.slice('/files/'.length))
    const tomorrow = Date.now() + 90_000_000
    t.ok((await metadata.listStaleUploads(tomorrow, 100)).includes(upload))
    await metadata.abandonUpload(upload, { staleAt: tomorrow })
    t.equal((await tus('HEAD', first + path)).status, 410)
    t.equal(await codeOf(await patch(first + path, 0, sampleBytes(5000))), '410 upload-gone')
  })

  t.test('space is taken when an upload begins, and bytes are counted as they come', async (t) => {
    // the controller's own status may be a moment old
    const spaceUsed = async () => (await metadata.stats(3)).spaceUsed.anonymous
    const used = await spaceUsed()
    const paths = [await open(first, 9 * MB), await open(first, 9 * MB)]
    t.equal(await spaceUsed(), used + 18 * MB)
    t.equal(await codeOf(await create(first, 9 * MB)), '507 space-full')
    await tus('DELETE', first + (paths[0] ?? ''))
    t.equal((await create(first, 9 * MB)).status, 201)
    const answers = []
    for (let sent = 0; sent < 9 * MB; sent += 3 * MB)
      answers.push((await patch(first + (paths[1] ?? ''), sent, sampleBytes(3 * MB))).status)
    t.strictSame(answers.slice(-1), [429], 'more than an address may bring in a day')
  })
})

// a rate so low that none of it comes back while the test runs
t.test('whoever asks too often is told of a lock, so that his client does not begin anew', async (t) => {
  const { url } = await startEdges(t, { config: { edge: { port: 0, ratePerMinute: 5 } } })
  const path = await open(url(), 5000)
  let status = 200
  for (let i = 0; i < 20 && status === 200; i++) status = (await tus('HEAD', url() + path)).status
  t.equal(status, 423)
  const [part, page] = await Promise.all([patch(url() + path, 0, sampleBytes(5000)), fetch(`${url()}/`)])
  t.equal(await codeOf(part), '423 upload-busy', 'nor gives up over a part')
  t.ok(Number(part.headers.get('retry-after')) > 0)
  t.equal(page.status, 429)
})
