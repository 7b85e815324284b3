import { readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { PartFile } from '../../src/cli/pull/part-file.ts'
import { findPart, refuseExisting } from '../../src/cli/pull/part-state.ts'
import type { PartState } from '../../src/cli/pull/part-state.ts'
import { hashSecret, newClaimSecret } from '../../src/protocol/secrets.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { testFolder } from '../kit/test-folder.ts'

const content = Buffer.from('the whole content of a file')
const tokenHash = hashSecret('token')
const stateOf = (sha256 = createHash('sha256').update(content).digest('hex')): PartState => ({
  tokenHash,
  claim: newClaimSecret(systemRandom),
  sizeBytes: content.byteLength,
  sha256,
  shape: 'file',
  encryption: null,
  indexText: null
})

t.test('a part is found again by its link, and goes on where it was', async (t) => {
  const folder = testFolder(t)
  const target = join(folder, 'file.bin')
  const state = stateOf()
  const part = await PartFile.begin(target, state)
  await part.append(content.subarray(0, 10))
  await part.close()
  t.equal(await findPart({ folder }, hashSecret('another')), undefined)
  t.same(await findPart({ folder }, tokenHash), { target, state })
  t.same(await findPart({ target }, tokenHash), { target, state })

  const again = await PartFile.resume(target, state)
  t.equal(again.position, 10)
  t.equal(again.goodTo, 0)
  await again.append(content.subarray(10))
  t.equal(again.goodTo, content.byteLength)
  await again.finish(false)
  t.same(await readdir(folder), ['file.bin'])
  t.ok(content.equals(await readFile(target)))
})

t.test('while it is not whole only its owner can read it, and then whom the umask lets', async (t) => {
  const before = process.umask(0o027)
  t.teardown(() => process.umask(before))
  const folder = testFolder(t)
  const modeOf = async (name: string) => (await stat(join(folder, name))).mode & 0o777
  const part = await PartFile.begin(join(folder, 'file.bin'), stateOf())
  await part.append(content)
  t.same(
    await Promise.all(['file.bin.peerbin-part', 'file.bin.peerbin-part.json'].map(modeOf)),
    [0o600, 0o600]
  )
  await part.finish(false)
  t.equal(await modeOf('file.bin'), 0o640)
})

t.test('bytes that do not match the digest are noticed, and can be begun again', async (t) => {
  const target = join(testFolder(t), 'file.bin')
  const part = await PartFile.begin(target, stateOf())
  await t.rejects(part.append(Buffer.alloc(content.byteLength)), { code: 'checksum-mismatch' })
  await t.rejects(part.finish(false), { code: 'internal' }, 'it does not get its name')
  await part.rewind()
  await part.append(content)
  t.equal(part.goodTo, content.byteLength)
  await part.discard()
  t.same(await readdir(t.testdirName), [])
})

t.test('more bytes than the file has are refused', async (t) => {
  const part = await PartFile.begin(join(testFolder(t), 'file.bin'), stateOf())
  await t.rejects(part.append(Buffer.alloc(content.byteLength + 1)), { code: 'protocol-violation' })
  await part.close()
})

t.test('a file that is there is never replaced, also when it appears at the last moment', async (t) => {
  const target = join(testFolder(t), 'file.bin')
  await refuseExisting(target)
  const part = await PartFile.begin(target, stateOf())
  await part.append(content)
  await writeFile(target, 'precious')
  await t.rejects(refuseExisting(target), { code: 'local-file' })
  await t.rejects(part.finish(false), { code: 'local-file' })
  t.equal(await readFile(target, 'utf8'), 'precious')
  t.ok(content.equals(await readFile(`${target}.peerbin-part`)), 'what came is still there')
  const forced = await PartFile.resume(target, part.state)
  await forced.finish(true)
  t.ok(content.equals(await readFile(target)), 'unless that is wanted')
})

t.test('a state that cannot be read is as none', async (t) => {
  const folder = testFolder(t, { 'a.peerbin-part.json': '{', 'b.peerbin-part.json': '{"version":3}' })
  t.equal(await findPart({ folder }, tokenHash), undefined)
  t.equal(await findPart({ folder: join(folder, 'missing') }, tokenHash), undefined)
})

t.test('the state of a plain file has the form it had before there were bundles', async (t) => {
  const target = join(testFolder(t), 'file.bin')
  const state = stateOf()
  await (await PartFile.begin(target, state)).close()
  const { shape: _shape, encryption: _encryption, indexText: _indexText, ...rest } = state
  t.same(JSON.parse(await readFile(`${target}.peerbin-part.json`, 'utf8')), { version: 1, ...rest })
})

t.test('a link that somebody left under the name of a part is not followed', async (t) => {
  const folder = testFolder(t)
  const target = join(folder, 'file.bin')
  const precious = join(folder, 'precious')
  await writeFile(precious, 'precious')
  for (const end of ['.peerbin-part', '.peerbin-part.json']) {
    await symlink(precious, target + end)
    await t.rejects(PartFile.begin(target, stateOf()), { code: 'local-file' }, end)
    if (end === '.peerbin-part') await t.rejects(PartFile.resume(target, stateOf()), { code: 'local-file' })
    t.equal(await readFile(precious, 'utf8'), 'precious')
    await rm(`${target}.peerbin-part`, { force: true })
    await rm(`${target}.peerbin-part.json`, { force: true })
  }
})
