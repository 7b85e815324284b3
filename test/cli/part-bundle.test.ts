import { lstat, mkdir, readFile, readdir, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { crc32 } from 'node:zlib'
import { encodeIndex } from '../../src/bundle/index.ts'
import type { BundleIndex } from '../../src/bundle/index.ts'
import { ZipLayout } from '../../src/bundle/zip-layout.ts'
import { beginPart, resumePart } from '../../src/cli/pull/part.ts'
import { findPart } from '../../src/cli/pull/part-state.ts'
import type { PartState } from '../../src/cli/pull/part-state.ts'
import { hashSecret, newClaimSecret } from '../../src/protocol/secrets.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { sampleBytes } from '../edge/edge-cluster.ts'
import { testFolder } from '../kit/test-folder.ts'

const payload = sampleBytes(100)
const sizes: Array<[string, number]> = [
  ['a/empty.txt', 0],
  ['a/one.bin', 30],
  ['two.bin', 0],
  ['.three', 50],
  ['a/b/four.bin', 20],
  ['last.txt', 0]
]
let at = 0
const index: BundleIndex = {
  name: 'bundle',
  entries: sizes.map(([path, sizeBytes]) => {
    const bytes = payload.subarray(at, (at += sizeBytes))
    return { path, sizeBytes, crc32: crc32(bytes), modifiedAt: 1_500_000_000_000 }
  })
}
const stateOf = (shape: 'folder' | 'zip'): PartState => ({
  tokenHash: hashSecret('token'),
  claim: newClaimSecret(systemRandom),
  sizeBytes: payload.byteLength,
  sha256: null,
  shape,
  encryption: null,
  indexText: Buffer.from(encodeIndex(index)).toString('utf8')
})

const zip = Buffer.concat(
  [...new ZipLayout(index).segments(0, Infinity)].map((segment) =>
    segment.kind === 'made' ? segment.bytes : payload.subarray(segment.start, segment.end)
  )
)

async function isWhole(target: string, shape: 'folder' | 'zip'): Promise<boolean> {
  if (shape === 'zip') return zip.equals(await readFile(target))
  let start = 0
  for (const [path, size] of sizes) {
    const file = join(target, path)
    if (!payload.subarray(start, (start += size)).equals(await readFile(file))) return false
    if ((await lstat(file)).mtimeMs !== 1_500_000_000_000) return false
  }
  return (await readdir(target, { recursive: true })).length === sizes.length + 2
}

/** The file in which an unfinished download has its last byte. */
async function newestFile(
  part: string,
  shape: 'folder' | 'zip',
  position: number
): Promise<string | undefined> {
  if (shape === 'zip') return part
  const path = position > 80 ? 'a/b/four.bin' : position > 30 ? '.three' : 'a/one.bin'
  return position === 0 ? undefined : join(part, path)
}

for (const shape of ['folder', 'zip'] as const)
  t.test(`a ${shape} goes on from wherever it was left, and drops what is not right`, async (t) => {
    const root = testFolder(t)
    for (const position of [0, 1, 29, 30, 31, 79, 80, 81, 99, 100])
      for (const damage of ['none', 'shorter', 'longer', 'changed', 'gone'] as const) {
        const folder = join(root, `${position}-${damage}`)
        await mkdir(folder)
        const target = join(folder, 'bundle')
        const part = await beginPart(target, stateOf(shape))
        await part.append(payload.subarray(0, position))
        await part.close()
        const file = await newestFile(`${target}.peerbin-part`, shape, position)
        const bytes = file === undefined ? Buffer.alloc(0) : await readFile(file)
        if (file !== undefined && bytes.byteLength > 0) {
          if (damage === 'shorter') await truncate(file, bytes.byteLength - 1)
          if (damage === 'longer') await writeFile(file, Buffer.concat([bytes, Buffer.alloc(200, 7)]))
          if (damage === 'changed') await writeFile(file, bytes.fill(0, bytes.byteLength - 1))
          if (damage === 'gone') await truncate(file, 0)
        }
        const found = await findPart({ folder }, hashSecret('token'))
        const again = await resumePart(target, found?.state ?? part.state)
        const what = `${position}, ${damage}`
        if (damage === 'none') t.equal(again.position, position, what)
        const resumedAt = again.position
        try {
          await again.append(payload.subarray(resumedAt))
        } catch (error) {
          // what was there of the file under way is found to be wrong only at its end
          t.match(error, { code: 'checksum-mismatch' }, what)
          t.ok(again.goodTo < resumedAt, what)
          await again.rewind()
          await again.append(payload.subarray(again.position))
        }
        await again.finish(false)
        t.ok(await isWhole(target, shape), what)
        t.same(await readdir(folder), ['bundle'], what)
      }
  })

t.test('a folder writes neither through links nor into what is there', async (t) => {
  const folder = testFolder(t, { elsewhere: { 'precious.txt': 'precious' } })
  const target = join(folder, 'bundle')
  const part = await beginPart(target, stateOf('folder'))
  await part.append(payload.subarray(0, 20))
  await symlink(join(folder, 'elsewhere', 'precious.txt'), `${target}.peerbin-part/.three`)
  await t.rejects(part.append(payload.subarray(20)), { code: 'local-file' })
  await part.close()
  t.equal(await readFile(join(folder, 'elsewhere', 'precious.txt'), 'utf8'), 'precious')

  const other = { ...stateOf('folder'), tokenHash: hashSecret('another') }
  await t.rejects(beginPart(target, other), { code: 'local-file', message: /another link/ })
  t.ok(await findPart({ folder }, hashSecret('token')), 'and the claim of the first is still there')

  const taken = join(folder, 'taken')
  const whole = await beginPart(taken, stateOf('folder'))
  await whole.append(payload)
  await mkdir(taken)
  await t.rejects(whole.finish(true), {
    code: 'local-file',
    message: /taken is a folder that exists already/
  })
  t.same(await readdir(taken), [])
  t.ok(await lstat(`${taken}.peerbin-part/last.txt`), 'what came is still there')
  await whole.discard()
  t.same(
    (await readdir(folder)).filter((name) => name.startsWith('taken')),
    ['taken']
  )
})

t.test('a folder that is whole, and all in it, can be read by whom the umask lets', async (t) => {
  const before = process.umask(0o027)
  t.teardown(() => process.umask(before))
  const folder = testFolder(t)
  const modeOf = async (name: string) => (await stat(join(folder, name))).mode & 0o777
  const part = await beginPart(join(folder, 'bundle'), stateOf('folder'))
  await part.append(payload)
  t.equal(await modeOf('bundle.peerbin-part'), 0o700)
  await part.finish(false)
  const names = ['', 'a', 'a/b', 'a/empty.txt', 'a/one.bin', 'last.txt']
  const modes = await Promise.all(names.map((name) => modeOf(join('bundle', name))))
  t.same(modes, [0o750, 0o750, 0o750, 0o640, 0o640, 0o640])
})
