import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFile, mkdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { checkIndex } from '../../src/bundle/index.ts'
import { Content } from '../../src/cli/push/content.ts'
import { LocalFiles } from '../../src/cli/push/local-files.ts'
import { selectFiles } from '../../src/cli/push/selection.ts'
import { deriveLinkKeys, newLinkSecret } from '../../src/encryption/link-keys.ts'
import { plainSize } from '../../src/encryption/scheme.ts'
import { openStream, openText } from '../../src/encryption/streams.ts'
import { webCrypto } from '../../src/encryption/web-crypto.ts'
import { sampleBytes } from '../edge/edge-cluster.ts'
import { testFolder } from '../kit/test-folder.ts'

const select = async (cwd: string, args: string[], name?: string) => {
  const skipped: string[] = []
  const selection = await selectFiles(args, { cwd, name, onSkipped: (text) => skipped.push(text) })
  return { selection, skipped, paths: selection.files.map(({ inBundle }) => inBundle) }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function all(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const piece of pieces) parts.push(new Uint8Array(piece))
  return Buffer.concat(parts)
}

t.test('a folder is taken with all that is in it, but what is no file', async (t) => {
  const cwd = testFolder(t, {
    holiday: {
      'b.txt': 'b',
      'a.txt': 'a',
      '.hidden': 'h',
      'empty.txt': '',
      sub: { deep: { 'c.txt': 'c' } },
      nothing: {}
    }
  })
  await symlink('a.txt', join(cwd, 'holiday', 'link.txt'))
  await symlink('..', join(cwd, 'holiday', 'round'))
  execFileSync('mkfifo', [join(cwd, 'holiday', 'pipe')])
  const { selection, skipped, paths } = await select(cwd, ['holiday/'])
  t.equal(selection.name, 'holiday')
  t.notOk(selection.isSingle)
  t.same(paths, ['.hidden', 'a.txt', 'b.txt', 'empty.txt', 'sub/deep/c.txt'])
  t.equal(skipped.length, 3)
  t.match(skipped.join('\n'), /link\.txt is a symbolic link/)
  t.match(skipped.join('\n'), /round is a symbolic link/)
  t.match(skipped.join('\n'), /pipe is no file/)
  t.match(
    await select(join(cwd, 'holiday'), ['link.txt']),
    { selection: { isSingle: true } },
    'one that is named is followed'
  )
  t.equal((await select(cwd, ['holiday'], 'for Ada')).selection.name, 'for Ada')
  await t.rejects(select(cwd, ['holiday'], '..'), { code: 'usage' })
})

t.test('several files have names of their own, folders stay apart', async (t) => {
  const cwd = testFolder(t, { x: { 'n.txt': '1', 'N.TXT': '2' }, y: { 'n.txt': '3' }, 'n.txt': '4' })
  const { selection, paths, skipped } = await select(cwd, ['n.txt', 'x/n.txt', 'x', 'y'])
  t.equal(selection.name, 'files')
  t.same(paths, ['n.txt', 'n (2).txt', 'x/N.TXT', 'x/n (2).txt', 'y/n.txt'])
  t.equal(skipped.length, 2, 'and whoever sends them hears of new names')
  await t.rejects(select(cwd, ['n.txt', 'missing']), {
    code: 'local-file',
    message: /missing does not exist/
  })
})

t.test('where nothing has a byte there is nothing to share', async (t) => {
  const cwd = testFolder(t, { 'empty.txt': '', folder: { 'empty.txt': '' }, none: {} })
  for (const args of [['empty.txt'], ['folder'], ['none'], ['empty.txt', 'folder']])
    await t.rejects(select(cwd, args), { code: 'empty-file' }, args.join())
})

t.test('content is the files, then the index, and can be read again from any place', async (t) => {
  const cwd = testFolder(t)
  const [one, two] = [sampleBytes(1_200_000, 1), sampleBytes(70_000, 2)]
  await writeFile(join(cwd, '1.bin'), one)
  await writeFile(join(cwd, '2.bin'), two)
  await writeFile(join(cwd, '0.bin'), '')
  await utimes(join(cwd, '2.bin'), 1000, 1_700_000_000.25)
  const { selection } = await select(cwd, ['0.bin', '1.bin', '2.bin'])
  for (const isEncrypted of [false, true]) {
    const keys = isEncrypted ? await deriveLinkKeys(newLinkSecret(webCrypto), webCrypto) : undefined
    await using files = new LocalFiles(selection.files)
    const content = new Content(selection, files, keys)
    const whole = await all(content.read(0))
    t.equal(whole.byteLength, content.sizeBytes)
    t.equal(content.sha256, createHash('sha256').update(whole).digest('hex'))
    const payload = whole.subarray(0, -content.indexBytes)
    const stored = whole.subarray(-content.indexBytes)
    const plain = keys === undefined ? payload : await all(openStream(keys.payload, once(payload)))
    t.ok(plain.equals(Buffer.concat([one, two])))
    const index = checkIndex(
      keys === undefined ? stored : await openText(keys.index, stored),
      plain.byteLength
    )
    t.match(index.entries[2], { path: '2.bin', sizeBytes: 70_000, modifiedAt: 1_700_000_000_250 })
    t.equal(plainSize(payload.byteLength) === plain.byteLength, isEncrypted)
    for (const start of [0, 1, 65_536, 1_048_575, 1_200_001, payload.byteLength, content.sizeBytes - 1])
      t.ok((await all(content.read(start))).equals(whole.subarray(start)), `from ${start}`)
    t.equal(content.sha256, createHash('sha256').update(whole).digest('hex'), 'counted once')
  }
})

t.test('a read that was left in the middle does not disturb the next', async (t) => {
  const cwd = testFolder(t)
  const bytes = [sampleBytes(900_000, 1), sampleBytes(900_000, 2), sampleBytes(900_000, 3)]
  for (const [i, each] of bytes.entries()) await writeFile(join(cwd, `${i}.bin`), each)
  const { selection } = await select(cwd, ['0.bin', '1.bin', '2.bin'])
  await using files = new LocalFiles(selection.files)
  const content = new Content(selection, files, undefined)
  const first = content.read(0)
  await first.next()
  const left = first.next()
  const whole = await all(content.read(0))
  await left
  t.ok(whole.subarray(0, 2_700_000).equals(Buffer.concat(bytes)))
  t.equal(content.sha256, createHash('sha256').update(whole).digest('hex'))
})

t.test('a file that is not what it was is not sent', async (t) => {
  const changes: Array<[string, (path: string) => Promise<unknown>]> = [
    ['longer', (path) => appendFile(path, 'x')],
    ['shorter', (path) => writeFile(path, 'x')],
    ['another time', (path) => utimes(path, 1000, 1000)],
    ['gone', (path) => rm(path)],
    ['a folder', (path) => rm(path).then(() => mkdir(path))]
  ]
  for (const [what, change] of changes)
    for (const isOpen of [true, false]) {
      const cwd = testFolder(t)
      const path = join(cwd, 'file.bin')
      await writeFile(path, sampleBytes(3_000_000))
      await writeFile(join(cwd, 'before.bin'), sampleBytes(1_100_000))
      const { selection } = await select(cwd, ['before.bin', 'file.bin'])
      await using files = new LocalFiles(selection.files)
      const pieces = new Content(selection, files, undefined).read(0)
      await pieces.next()
      if (isOpen) await pieces.next()
      await change(path)
      // one that was opened before and is taken away keeps its bytes
      if (what === 'gone' && isOpen) continue
      if (what === 'a folder' && isOpen) continue
      await t.rejects(all(pieces), { code: 'local-file', message: /file\.bin changed/ }, `${what}, ${isOpen}`)
    }
})
