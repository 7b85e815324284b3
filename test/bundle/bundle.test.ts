/** The index of a bundle, names in it, and CRC-32. The archive is in zip-layout.test.ts. */

import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { crc32, crcText } from '../../src/bundle/crc32.ts'
import { checkIndex, decodeIndex, encodeIndex, entryRanges, isSingle } from '../../src/bundle/index.ts'
import type { BundleIndex } from '../../src/bundle/index.ts'
import { PathSet, cleanPath, isCleanPath } from '../../src/bundle/paths.ts'

const INDEX: BundleIndex = {
  name: 'holiday',
  entries: [
    { path: 'a/Düne.txt', sizeBytes: 3, crc32: 1, mediaType: 'text/plain', modifiedAt: 1_700_000_000_000 },
    { path: 'b.bin', sizeBytes: 0, crc32: 0 },
    { path: 'c.bin', sizeBytes: 5, crc32: 0xffff_ffff }
  ]
}
const text = (record: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(record))

t.test('CRC-32 is that of zlib, in any pieces', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
      const whole = zlibCrc32(bytes)
      return crc32(bytes) === whole && crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut))) === whole
    })
  )
  t.equal(crcText(crc32(new TextEncoder().encode('123456789'))), 'cbf43926', 'its check value')
  t.equal(crcText(0xab), '000000ab')
})

t.test('an index is read as it was written, and its bytes are a promise', async (t) => {
  t.same(decodeIndex(encodeIndex(INDEX)), INDEX)
  t.equal(
    new TextDecoder().decode(encodeIndex(INDEX)),
    '{"v":1,"name":"holiday","entries":[{"path":"a/Düne.txt","size":3,"crc32":"00000001","type":"text/plain","modified":1700000000000},' +
      '{"path":"b.bin","size":0,"crc32":"00000000"},{"path":"c.bin","size":5,"crc32":"ffffffff"}]}'
  )
  t.same(entryRanges(INDEX), [
    { start: 0, end: 3 },
    { start: 3, end: 3 },
    { start: 3, end: 8 }
  ])
  t.same(checkIndex(encodeIndex(INDEX), 8), INDEX)
  t.throws(() => checkIndex(encodeIndex(INDEX), 9), { code: 'index-invalid' })
  t.notOk(isSingle(INDEX))
  t.ok(isSingle({ name: 'b.bin', entries: [{ path: 'b.bin', sizeBytes: 1, crc32: 0 }] }))
})

t.test('nothing from outside is trusted', async (t) => {
  const entry = { path: 'a.txt', size: 1, crc32: '00000000' }
  const index = (...entries: unknown[]): unknown => ({ v: 1, name: 'x', entries })
  const wrong: unknown[] = [
    null,
    [],
    {},
    { ...(index(entry) as object), v: 2 },
    { ...(index(entry) as object), name: '../x' },
    { ...(index(entry) as object), name: '' },
    index(),
    index(entry, entry),
    index(entry, { ...entry, path: 'A.TXT' }),
    index(entry, { ...entry, path: 'a.txt/b' }),
    index({ ...entry, path: 'a/b' }, { ...entry, path: 'A' }),
    index(null),
    ...[
      '/etc/passwd',
      '../x',
      'a/../b',
      'a//b',
      'a\\b',
      'C:\\x',
      '.',
      '',
      'a/',
      'x\u0000',
      'exe\u202Egpj',
      ' a',
      'a.',
      7
    ].map((path) => index({ ...entry, path })),
    ...[-1, 1.5, '1', Number.MAX_SAFE_INTEGER + 1, null].map((size) => index({ ...entry, size })),
    ...['1', '0000000G', 'ABCDEF00', 0].map((crc) => index({ ...entry, crc32: crc })),
    ...['text', 'text/html; charset=x', 'a/b\r\nx: y'].map((type) => index({ ...entry, type })),
    index({ ...entry, modified: 'now' }),
    index(...Array.from({ length: 10_001 }, (_, i) => ({ ...entry, path: `${i}` })))
  ]
  for (const record of wrong)
    t.throws(() => decodeIndex(text(record)), { code: 'index-invalid' }, JSON.stringify(record).slice(0, 80))
  t.throws(() => decodeIndex(new Uint8Array([0xff])), { code: 'index-invalid' })
  t.throws(() => decodeIndex(new Uint8Array(4 * 1024 * 1024 + 1)), { code: 'index-invalid' })
  t.throws(() => decodeIndex(text(index({ ...entry, size: 0 }))), { code: 'empty-file' })
  t.same(
    decodeIndex(text(index({ ...entry, more: 1 }))).entries.length,
    1,
    'fields of later versions are passed over'
  )
})

t.test('cleaned paths stay inside, and stay as they are', async (t) => {
  const cases: Array<[string, string]> = [
    ['a/b.txt', 'a/b.txt'],
    ['/etc/passwd', 'etc/passwd'],
    ['../../x', 'x'],
    ['a/./b/../c', 'a/b/c'],
    ['C:\\Users\\me\\x.txt', 'Users/me/x.txt'],
    ['..', 'file'],
    ['', 'file'],
    ['a\u0000b/\u202Ecod.exe', 'ab/cod.exe'],
    [' a /b. ', 'a/b'],
    ['e\u0301.txt', '\u00e9.txt']
  ]
  for (const [from, to] of cases) t.equal(cleanPath(from), to, JSON.stringify(from))
  t.ok(new TextEncoder().encode(cleanPath(`${'ä'.repeat(300)}.jpeg`)).byteLength <= 255)
  t.ok(cleanPath(`${'ä'.repeat(300)}.jpeg`).endsWith('.jpeg'))
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (path) => isCleanPath(cleanPath(path))))
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', '.', '/', '\\', ' ', '\u0000', 'é', '\u200b'), maxLength: 12 }),
      (path) => isCleanPath(cleanPath(path))
    )
  )
})

t.test('names that collide after cleaning are told apart', async (t) => {
  const paths = new PathSet()
  t.same(
    ['a.txt', 'A.txt', 'a.txt', './a.txt', 'd/x', 'd', 'a.txt/y', 'n', 'n'].map((path) =>
      paths.addClean(path)
    ),
    ['a.txt', 'A (2).txt', 'a (3).txt', 'a (4).txt', 'd/x', 'd (2)', 'y', 'n', 'n (2)']
  )
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'B', 'b', '/', '.'), maxLength: 6 }), {
        maxLength: 12
      }),
      (names) => {
        const set = new PathSet()
        const entries = names.map((name) => ({ path: set.addClean(name), sizeBytes: 1, crc32: 0 }))
        return entries.length === 0 || encodeIndex({ name: 'x', entries }).byteLength > 0
      }
    )
  )
})

t.test('an index that is made to be read for hours is refused at once', async (t) => {
  const refused = (record: Record<string, unknown>): number => {
    const bytes = text({ v: 1, name: 'x', entries: [entryOf('a')], ...record })
    const before = performance.now()
    t.throws(() => decodeIndex(bytes), { code: 'index-invalid' })
    return performance.now() - before
  }
  const entryOf = (path: string) => ({ path, size: 1, crc32: '00000000' })
  // before: a minute each; with as many bytes as an index may have, hours
  const dots = `${'.'.repeat(200_000)}x`
  t.ok(refused({ name: dots }) < 5000)
  t.ok(refused({ entries: [entryOf(dots)] }) < 5000)
  t.ok(refused({ entries: [entryOf('a/'.repeat(100_000) + 'a')] }) < 5000)
  t.ok(refused({ entries: [entryOf('a/'.repeat(64) + 'a')] }) < 5000, 'nor may folders be too many')
})

t.test('names from outside take no longer than they are long', async (t) => {
  const before = performance.now()
  t.equal(cleanPath(`${'. '.repeat(100_000)}x`).length, 255)
  t.equal(cleanPath('a/'.repeat(100_000) + 'b').split('/').length, 64)
  t.equal(
    cleanPath(`${'a'.repeat(250)}/`.repeat(8) + 'b').split('/').length,
    5,
    'as many as there is room for'
  )
  const paths = new PathSet()
  const all = Array.from({ length: 5000 }, () => paths.addClean('same.txt'))
  t.equal(all.at(-1), 'same (5000).txt')
  t.ok(performance.now() - before < 10_000)
})
