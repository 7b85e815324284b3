/** The archive of a bundle, as other programs read it. */

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import type { BundleIndex } from '../../src/bundle/index.ts'
import { ZipLayout } from '../../src/bundle/zip-layout.ts'
import { testFolder } from '../kit/test-folder.ts'

const MODIFIED = Date.UTC(2026, 10, 22, 5, 6, 8)

function bundleOf(files: ReadonlyArray<readonly [path: string, bytes: Buffer]>): {
  index: BundleIndex
  payload: Buffer
} {
  return {
    index: {
      name: 'x',
      entries: files.map(([path, bytes]) => ({
        path,
        sizeBytes: bytes.byteLength,
        crc32: crc32(bytes),
        modifiedAt: MODIFIED
      }))
    },
    payload: Buffer.concat(files.map(([, bytes]) => bytes))
  }
}

function archive(
  { index, payload }: { index: BundleIndex; payload: Buffer },
  start = 0,
  end?: number
): Buffer {
  const layout = new ZipLayout(index)
  const pieces = [...layout.segments(start, end ?? layout.sizeBytes)].map((segment) =>
    segment.kind === 'made' ? segment.bytes : payload.subarray(segment.start, segment.end)
  )
  return Buffer.concat(pieces)
}

const FILES: Array<[string, Buffer]> = [
  ['readme.txt', Buffer.from('hello')],
  ['empty', Buffer.alloc(0)],
  ['a/Düne 🏖.bin', randomBytes(70_000)],
  ['a/b/c.bin', randomBytes(1)]
]

const PYTHON = `
import json, sys, zipfile, hashlib
with zipfile.ZipFile(sys.argv[1]) as z:
    assert z.testzip() is None
    print(json.dumps([[i.filename, i.file_size, i.compress_type, list(i.date_time), hashlib.sha256(z.read(i)).hexdigest()] for i in z.infolist()] if len(sys.argv) < 3 else len(z.infolist())))
`
function python(file: string, ...args: string[]): unknown {
  const { stdout, stderr, status } = spawnSync('python3', ['-c', PYTHON, file, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}
const sha256 = async (bytes: Uint8Array): Promise<string> =>
  Buffer.from(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes))).toString('hex')

t.test('other programs read what was put in', async (t) => {
  const folder = testFolder(t)
  const file = `${folder}/x.zip`
  writeFileSync(file, archive(bundleOf(FILES)))
  const expected = await Promise.all(
    FILES.map(async ([path, bytes]) => [
      path,
      bytes.byteLength,
      0,
      [2026, 11, 22, 5, 6, 8],
      await sha256(bytes)
    ])
  )
  t.same(python(file), expected)
  const dir = `${folder}/out`
  mkdirSync(dir)
  const unzip = spawnSync('unzip', ['-q', file, '-d', dir], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' }
  })
  if (unzip.error === undefined || process.env['CI'] !== undefined) {
    t.equal(unzip.status, 0, unzip.stderr)
    for (const [path, bytes] of FILES) t.ok(readFileSync(`${dir}/${path}`).equals(bytes), path)
  }
})

t.test('every range of it is the same as in the whole', async (t) => {
  const bundle = bundleOf(FILES)
  const whole = archive(bundle)
  t.equal(whole.byteLength, new ZipLayout(bundle.index).sizeBytes)
  fc.assert(
    fc.property(fc.nat(whole.byteLength), fc.nat(whole.byteLength), (a, b) => {
      const [start, end] = [Math.min(a, b), Math.max(a, b)]
      return archive(bundle, start, end).equals(whole.subarray(start, end))
    })
  )
  const segments = [...new ZipLayout(bundle.index).segments(0, whole.byteLength)]
  t.notOk(segments.some((segment) => segment.kind === 'payload' && segment.start === segment.end))
})

t.test('ten thousand files', async (t) => {
  const files = Array.from(
    { length: 10_000 },
    (_, i) => [`dir ${i % 7}/${i}.txt`, Buffer.from(`${i}`)] as const
  )
  const file = `${testFolder(t)}/x.zip`
  writeFileSync(file, archive(bundleOf(files)))
  t.equal(python(file, 'count'), 10_000)
})

t.test('files and places beyond 4 GiB are told in the zip64 fields', async (t) => {
  // the payload is zeros: only what is around it is written, into a file with holes
  const GIB = 2 ** 30
  const entries = [
    { path: 'large', sizeBytes: 5 * GIB, crc32: 0x1234_5678 },
    { path: 'small', sizeBytes: 3, crc32: crc32(Buffer.alloc(3)) }
  ]
  const layout = new ZipLayout({ name: 'x', entries })
  const file = `${testFolder(t)}/x.zip`
  const script = `
import json, sys, zipfile
with open(sys.argv[1], 'wb') as f:
    for at, hex in json.load(sys.stdin):
        f.seek(at); f.write(bytes.fromhex(hex))
with zipfile.ZipFile(sys.argv[1]) as z:
    print(json.dumps([[i.filename, i.file_size, i.header_offset, i.CRC] for i in z.infolist()] + [len(z.read('small'))]))
`
  let at = 0
  const pieces: Array<[number, string]> = []
  for (const segment of layout.segments(0, layout.sizeBytes)) {
    if (segment.kind === 'made') pieces.push([at, Buffer.from(segment.bytes).toString('hex')])
    at += segment.kind === 'made' ? segment.bytes.byteLength : segment.end - segment.start
  }
  t.equal(at, layout.sizeBytes)
  const { stdout, stderr } = spawnSync('python3', ['-c', script, file], {
    encoding: 'utf8',
    input: JSON.stringify(pieces)
  })
  t.same(JSON.parse(stdout === '' ? `"${stderr}"` : stdout), [
    ['large', 5 * GIB, 0, 0x1234_5678],
    ['small', 3, 5 * GIB + 30 + 5 + 20, entries[1]?.crc32],
    3
  ])
})
