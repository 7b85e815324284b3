import t from 'tap'
import { decodeIndex } from '../../src/bundle/index.ts'
import { crc32 } from '../../src/bundle/crc32.ts'
import { deriveLinkKeys } from '../../src/encryption/link-keys.ts'
import { RECORD_BYTES } from '../../src/encryption/scheme.ts'
import { openStream, openText } from '../../src/encryption/streams.ts'
import { webCrypto } from '../../src/encryption/web-crypto.ts'
import { Content, FilesChanged } from '../../web/upload/content.ts'
import type { ContentOptions } from '../../web/upload/content.ts'
import type { Mark } from '../../web/upload/file-checksums.ts'
import { filePayload } from '../../web/upload/file-payload.ts'
import { planUpload } from '../../web/upload/plan.ts'
import { sampleBytes } from '../edge/edge-cluster.ts'

const keys = await deriveLinkKeys('A'.repeat(43), webCrypto)
const files = [sampleBytes(300_000, 1), Buffer.alloc(0), sampleBytes(70_000, 2), sampleBytes(1, 3)]
const plain = Buffer.concat(files)

const plan = (isEncrypted: boolean) =>
  planUpload(
    files.map((bytes, i) => ({
      path: `folder/${i}.bin`,
      sizeBytes: bytes.byteLength,
      mediaType: 'Image/PNG; q=1',
      modifiedAt: 1000 * i
    })),
    { isEncrypted, bundleName: 'some' }
  )

const contentOf = (isEncrypted: boolean, options: Partial<ContentOptions> = {}, bytes: Buffer[] = files) =>
  new Content({
    plan: plan(isEncrypted),
    payload: filePayload(bytes.map((each) => new Blob([new Uint8Array(each)]))),
    keys: isEncrypted ? keys : undefined,
    ...options
  })

/** All of it, asked for in steps. */
async function gather(content: Content, step: number, from = 0): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for (let at = from; at < content.sizeBytes;) {
    const piece = await content.part(at, Math.min(at + step, content.sizeBytes))
    pieces.push(piece)
    at += piece.byteLength
  }
  return Buffer.concat(pieces)
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

t.test('what is sent is the files, one after the other, and the index', async (t) => {
  const { sentPayloadBytes } = plan(false)
  const all = await gather(contentOf(false), 100_000)
  t.ok(all.subarray(0, sentPayloadBytes).equals(plain))
  const index = decodeIndex(all.subarray(sentPayloadBytes))
  t.equal(index.name, 'folder')
  t.match(index.entries[0], { path: '0.bin', mediaType: 'image/png', modifiedAt: 0 })
  t.same(
    index.entries.map((entry) => entry.crc32),
    files.map((bytes) => crc32(bytes)),
    'with the checksums of what went by'
  )
})

t.test('sealed, it is the same whatever the steps, and opens to the same', async (t) => {
  const { sentPayloadBytes, indexBytes } = plan(true)
  const all = await gather(contentOf(true), 10_000_000)
  t.equal(all.byteLength, sentPayloadBytes + indexBytes)
  for (const step of [1000, RECORD_BYTES, 200_000]) t.ok(all.equals(await gather(contentOf(true), step)))
  const opened: Uint8Array[] = []
  for await (const piece of openStream(keys.payload, once(all.subarray(0, sentPayloadBytes))))
    opened.push(piece)
  t.ok(plain.equals(Buffer.concat(opened)))
  const index = decodeIndex(await openText(keys.index, all.subarray(sentPayloadBytes)))
  t.same(
    index.entries.map((entry) => entry.crc32),
    files.map((bytes) => crc32(bytes))
  )
})

t.test('a part that is asked for again is the same, from anywhere within it', async (t) => {
  const all = await gather(contentOf(true), 10_000_000)
  const content = contentOf(true)
  const first = await content.part(0, 150_000)
  t.ok(first.byteLength >= 65_536, 'in whole records')
  for (const start of [0, 1, 70_000]) {
    const again = await content.part(start, start + 150_000)
    t.ok(all.subarray(start, start + again.byteLength).equals(again))
  }
  t.ok(all.subarray(200_000).equals(await gather(content, 90_000, 200_000)), 'and the rest')
  t.ok(all.equals(await gather(content, 90_000)), 'and all of it once more')
})

t.test('another page goes on anywhere, and only with the same files', async (t) => {
  const all = await gather(contentOf(true), 10_000_000)
  const marks: Mark[] = []
  const begun = contentOf(true, { onMark: (mark) => marks.push(mark) })
  await begun.part(0, 200_000)
  const mark = marks.at(-1) ?? { at: 0, value: '' }
  t.equal(mark.at, 3 * 65_519, 'what was sealed was noted before it was given out')
  for (const from of [0, 65_536, 131_000, 196_608])
    t.ok(all.subarray(from).equals(await gather(contentOf(true, { mark }), 100_000, from)), `from ${from}`)

  const changed = files.map((bytes) => Buffer.from(bytes))
  changed[0]?.writeUInt8((changed[0][5] ?? 0) ^ 1, 5)
  for (const from of [0, 131_000, 196_608])
    t.ok(
      (await contentOf(true, { mark }, changed)
        .part(from, from + 65_536)
        .catch((error: unknown) => error)) instanceof FilesChanged,
      `changed before ${from}: nothing is sealed`
    )
  const later = files.map((bytes) => Buffer.from(bytes))
  later[0]?.writeUInt8((later[0][250_000] ?? 0) ^ 1, 250_000)
  await t.resolves(
    contentOf(true, { mark }, later).part(196_608, 300_000),
    'what was never sealed may be another'
  )
})

t.test('a plan without its keys is refused by types and sizes alike', async (t) => {
  const { indexBytes, sentPayloadBytes, payloadBytes } = plan(true)
  t.equal(indexBytes % 1024, 0)
  t.ok(sentPayloadBytes > payloadBytes)
  t.equal(plan(false).sentPayloadBytes, payloadBytes)
})

t.test('names of what is sent', async (t) => {
  const described = (path: string) => ({ path, sizeBytes: 1, mediaType: '', modifiedAt: NaN })
  const planned = (...paths: string[]) =>
    planUpload(paths.map(described), { isEncrypted: false, bundleName: 'files' })
  t.match(planned('a.txt'), { indexBytes: 0, index: { name: 'a.txt', entries: [{ path: 'a.txt' }] } })
  t.match(planned('folder/a.txt').index, { name: 'folder', entries: [{ path: 'a.txt' }] })
  t.match(planned('folder/a/b', 'folder/c').index, {
    name: 'folder',
    entries: [{ path: 'a/b' }, { path: 'c' }]
  })
  t.match(planned('x/a', 'y/a').index, { name: 'files', entries: [{ path: 'x/a' }, { path: 'y/a' }] })
  t.match(
    planned('a', 'A').index.entries,
    [{ path: 'a' }, { path: 'A (2)' }],
    'told apart where case does not count'
  )
  t.match(planned('../..').index.entries, [{ path: 'file' }])
})
