import { createHash } from 'node:crypto'
import t from 'tap'
import { sampleBytes, startEdges } from './edge-cluster.ts'
import { codeOf, create, offsetAt, open, patch, tus } from './tus-kit.ts'
import { encodeIndex } from '../../src/bundle/index.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import type { ResumeUpload } from '../../src/metadata-store.ts'
import { UploadLocks } from '../../src/edge/tus/upload-locks.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { until } from '../kit/until.ts'

const MIB = 1024 * 1024
const CHUNK = 4 * MIB
const checksum = (algorithm: string, bytes: Uint8Array): string =>
  `${algorithm} ${createHash(algorithm).update(bytes).digest('base64')}`

/** A body of unknown length that is sent piece by piece. */
function slowBody(): {
  body: ReadableStream<Uint8Array>
  send: (bytes: Uint8Array) => void
  end: () => void
} {
  let source: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      source = controller
    }
  })
  return { body, send: (bytes) => source?.enqueue(bytes), end: () => source?.close() }
}

t.test('uploads that go on later, and what is wrong with them', async (t) => {
  const metadata = new MemoryMetadataStore()
  const { resumeUpload } = metadata
  let takeovers = 0
  Object.assign(metadata, {
    resumeUpload: async (request: ResumeUpload) => {
      const resumed = await resumeUpload(request)
      takeovers++
      return resumed
    }
  })
  const { url } = await startEdges(t, {
    metadata,
    edges: 2,
    config: { edge: { forbiddenTypes: ['.exe', 'video/*'] } }
  })
  const first = url(0)
  const second = url(1)
  const bytes = sampleBytes(9 * MIB)
  const fileBytes = async (link: string | null): Promise<Buffer> =>
    Buffer.from(await (await fetch((link ?? '').replace('/d/', '/download/'))).arrayBuffer())

  t.test('a creation that cannot be', async (t) => {
    const length = async (header: Record<string, string>) =>
      await codeOf(await tus('POST', `${first}/files/`, { headers: header }))
    t.equal(await length({}), '411 length-required')
    t.equal(await length({ 'upload-defer-length': '1' }), '411 length-required')
    t.equal(await length({ 'upload-length': 'abc' }), '422 invalid-field')
    t.equal(await length({ 'upload-length': '-1' }), '422 invalid-field')
    t.equal(await length({ 'upload-length': '0' }), '422 empty-file')
    t.equal(await length({ 'upload-length': '1', 'tus-resumable': '0.2.2' }), '412 tus-version')
    t.equal(await length({ 'upload-length': '1', 'upload-concat': 'partial' }), '400 bad-request')
    t.equal(await length({ 'upload-length': '1', 'upload-metadata': 'a b c' }), '422 invalid-field')
    t.equal(await codeOf(await create(first, 10 * MIB + 1)), '413 too-large')
    t.equal(await codeOf(await create(first, 9, { filename: 'a.exe' })), '415 type-forbidden')
    t.equal(await codeOf(await create(first, 9, { filetype: 'video/mp4' })), '415 type-forbidden')
    const hex = 'ab'.repeat(32)
    const wrong: Array<[string, Record<string, string>]> = [
      ['downloads', { downloads: '0' }],
      ['expires', { expires: 'tomorrow' }],
      ['md5', { md5: 'xyz' }],
      ['sha256', { sha256: 'ab' }],
      ['password', { password: 'x'.repeat(1025) }],
      ['indexbytes', { indexbytes: '-3' }],
      ['indexbytes', { indexbytes: '5000' }],
      ['encryption', { encryption: 'rot13', indexbytes: '5', proofhash: hex }],
      ['indexbytes', { encryption: 'aes256gcm-1', proofhash: hex }],
      ['proofhash', { encryption: 'aes256gcm-1', indexbytes: '5' }],
      ['proofhash', { proofhash: hex }]
    ]
    for (const [field, pairs] of wrong) {
      const answer = await create(first, 5000, pairs)
      t.equal(answer.status, 422, JSON.stringify(pairs))
      t.match(await answer.json(), { code: 'invalid-field', field })
    }
    t.equal((await metadata.stats(3)).uploadsOpen, 0)
  })

  t.test('a part that cannot be leaves the upload as it was', async (t) => {
    const path = await open(first, bytes.length)
    const part = bytes.subarray(0, 1000)
    await patch(first + path, 0, part)
    t.equal(await codeOf(await patch(first + path, 0, part)), '409 offset-mismatch')
    t.equal(await codeOf(await patch(second + path, 5000, part)), '409 offset-mismatch')
    t.equal(await codeOf(await patch(first + path, -1, part)), '400 bad-request')
    t.equal(
      await codeOf(await patch(first + path, 1000, part, { 'content-type': 'image/png' })),
      '415 media-type-unsupported'
    )
    t.equal(
      await codeOf(await patch(first + path, 1000, part, { 'tus-resumable': '2.0.0' })),
      '412 tus-version'
    )
    t.equal(
      await codeOf(await patch(first + path, 1000, part, { 'upload-checksum': 'crc32 AAAA' })),
      '400 bad-request'
    )
    t.equal(await codeOf(await patch(first + path, 1000, bytes)), '413 too-large', 'longer than announced')
    const endless = slowBody()
    const answer = patch(first + path, 1000, endless.body)
    for (let sent = 0; sent < bytes.length; sent += MIB) endless.send(bytes.subarray(sent, sent + MIB))
    endless.end()
    t.equal(await codeOf(await answer), '413 too-large', 'also when nobody knew beforehand')
    const offset = await offsetAt(first + path)
    t.ok(offset >= 1000 && offset <= bytes.length)
    // what came before the byte too many was the file's next bytes as far as anybody can tell
    t.equal(
      await codeOf(await tus('PATCH', `${first}/files/${'A'.repeat(43)}`)),
      '415 media-type-unsupported'
    )
    t.equal(await codeOf(await patch(`${first}/files/${'A'.repeat(43)}`, 0, part)), '404 upload-unknown')
    t.equal(await codeOf(await patch(`${first}/files/short`, 0, part)), '404 upload-unknown')
    t.equal((await tus('HEAD', `${first}/files/${'A'.repeat(43)}`)).status, 404)
    t.equal(await codeOf(await tus('DELETE', `${first}/files/${'A'.repeat(43)}`)), '404 upload-unknown')
    t.equal(await codeOf(await tus('PUT', first + path)), '405 method-not-allowed')
    await tus('DELETE', first + path)
  })

  t.test('a checksum that does not match leaves the offset where it was', async (t) => {
    const path = await open(first, bytes.length)
    const one = bytes.subarray(0, 5 * MIB)
    for (const algorithm of ['sha1', 'md5', 'sha256']) {
      const wrong = { 'upload-checksum': checksum(algorithm, bytes) }
      t.equal(await codeOf(await patch(first + path, 0, one, wrong)), '460 part-mismatch')
      t.equal(await offsetAt(second + path), 0)
    }
    const right = await patch(second + path, 0, one, { 'upload-checksum': checksum('sha1', one) })
    t.equal(right.headers.get('upload-offset'), String(one.length))
    const rest = bytes.subarray(one.length)
    const last = await patch(first + path, one.length, rest, { 'upload-checksum': checksum('md5', rest) })
    t.ok((await fileBytes(last.headers.get('x-link'))).equals(bytes))
  })

  t.test('a file that is not what it should be is not kept', async (t) => {
    for (const pairs of [{ sha256: 'ab'.repeat(32) }, { md5: 'ab'.repeat(16) }]) {
      const path = await open(first, 5000, pairs)
      await patch(first + path, 0, bytes.subarray(0, 4000))
      const last = await patch(second + path, 4000, bytes.subarray(4000, 5000))
      t.equal(await codeOf(last), '409 checksum-mismatch')
      t.equal((await tus('HEAD', first + path)).status, 410)
    }
    t.equal((await metadata.stats(3)).files, 1)
  })

  t.test('the index of a bundle fits its files, unless nobody here can read it', async (t) => {
    const entries = [{ path: 'a/b.txt', sizeBytes: 3000, crc32: 1 }]
    const index = encodeIndex({ name: 'things', entries })
    const send = async (payloadBytes: number, pairs: Record<string, string> = {}): Promise<Response> => {
      const content = Buffer.concat([bytes.subarray(0, payloadBytes), index])
      const about = { filename: 'things', indexbytes: String(index.byteLength), ...pairs }
      const path = await open(first, content.length, about)
      await patch(first + path, 0, content.subarray(0, 2000))
      return await patch(second + path, 2000, content.subarray(2000))
    }
    const direct = (answer: Response): string =>
      (answer.headers.get('x-link') ?? '').replace('/d/', '/download/')
    const zip = await fetch(direct(await send(3000)))
    t.match(zip.headers.get('content-disposition'), /things\.zip/, 'it comes as a bundle')
    await zip.arrayBuffer()
    t.equal(await codeOf(await send(2999)), '422 index-invalid')
    const encrypted = await send(2999, { encryption: 'aes256gcm-1', proofhash: 'ab'.repeat(32) })
    t.equal(encrypted.status, 204)
    t.equal(
      await codeOf(await fetch(direct(encrypted), { headers: { accept: 'application/json' } })),
      '401 proof-required'
    )
  })

  t.test(
    'a creation that breaks with its first bytes leaves nothing: nobody knows its address',
    async (t) => {
      const before = await metadata.stats(3)
      const part = {
        'content-type': 'application/offset+octet-stream',
        'upload-length': String(bytes.length)
      }
      const wrong = { ...part, 'upload-checksum': checksum('sha1', bytes) }
      const body = bytes.subarray(0, 1000)
      t.equal(
        await codeOf(await tus('POST', `${first}/files/`, { headers: wrong, body })),
        '460 part-mismatch'
      )
      const gone = new AbortController()
      const slow = slowBody()
      const broken = tus('POST', `${first}/files/`, { headers: part, body: slow.body, signal: gone.signal })
      slow.send(body)
      await until('it is begun', async () => (await metadata.stats(3)).uploadsOpen > before.uploadsOpen)
      gone.abort()
      await t.rejects(broken)
      await until('it is given up', async () => (await metadata.stats(3)).uploadsOpen === before.uploadsOpen)
      t.strictSame((await metadata.stats(3)).spaceUsed, before.spaceUsed)
    }
  )

  t.test('of two clients the newest goes on, through whichever edge', async (t) => {
    for (const other of [second, first]) {
      const path = await open(first, bytes.length)
      const slow = slowBody()
      const older = patch(first + path, 0, slow.body)
      slow.send(bytes.subarray(0, CHUNK + 5))
      await until('the first chunk is durable', async () => (await kept(second + path)) > 0)
      const offset = await offsetAt(other + path)
      t.equal(offset, other === first ? CHUNK + 5 : CHUNK, 'what is durable counts, and no more')
      if (other === first) t.equal((await older).status, 204, 'on one edge HEAD has the older end')
      const next = slowBody()
      const before = takeovers
      const rest = patch(other + path, offset, next.body)
      next.send(bytes.subarray(offset, offset + 10))
      await until('it is taken over', () => takeovers > before)
      slow.send(Buffer.alloc(1000, 'x'))
      slow.end()
      if (other !== first) t.equal(await codeOf(await older), '409 offset-mismatch')
      next.send(bytes.subarray(offset + 10))
      next.end()
      const newer = await rest
      t.equal(newer.status, 204)
      t.ok((await fileBytes(newer.headers.get('x-link'))).equals(bytes), 'and the file is whole')
    }
  })
})

t.test('nobody waits for ever for one that cannot end', async (t) => {
  const clock = new ManualClock()
  const locks = new UploadLocks(clock)
  const asked: string[] = []
  const taken: string[] = []
  const take = async (name: string) => {
    const lock = locks.newLock('an upload')
    await lock.lock(new AbortController().signal, () => void asked.push(name))
    taken.push(name)
    return lock
  }
  const stuck = await take('stuck')
  const second = take('second')
  const third = take('third')
  await t.rejects(second, { code: 'upload-busy' }, 'of those that wait the newest is next')
  await clock.advance(10_000)
  const next = await third
  await stuck.unlock()
  t.equal(locks.size, 1, 'the older one has nothing to unlock any more')
  const last = take('last')
  t.strictSame(asked, ['stuck', 'stuck', 'third'])
  await next.unlock()
  await (await last).unlock()
  t.strictSame(taken, ['stuck', 'third', 'last'])
  t.equal(locks.size, 0)
})

/** Without asking whoever writes to end: that is what HEAD does on the same edge. */
async function kept(url: string): Promise<number> {
  const { offset } = (await (await fetch(url)).json()) as { offset: number }
  return offset
}
