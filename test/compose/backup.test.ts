import { randomBytes } from 'node:crypto'
import { appendFile, open, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { backup, restore } from '../../src/compose/backup.ts'
import type { BackupDone, RestoreOptions } from '../../src/compose/backup.ts'
import { BackupReader, BackupWriter } from '../../src/compose/backup-file.ts'
import { newClusterKey } from '../../src/compose/cluster-key.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { RecoveryKit } from './recovery-kit.ts'
import { testFolder } from '../kit/test-folder.ts'

// several clusters one after the other, on a machine that may be busy
t.setTimeout(400_000)

const bytes = randomBytes(50_000)

async function backupOf(kit: RecoveryKit, name = 'one.backup', force = false): Promise<BackupDone> {
  const { config, network } = kit.options('admin')
  return await backup(kit.home('admin'), kit.home(name), { config, network, join: kit.cluster, force })
}

async function start(t: Test) {
  const kit = new RecoveryKit(t)
  await kit.start()
  const before = await kit.client.upload(bytes, { name: 'before' })
  const used = await kit.client.upload(bytes, { name: 'used' })
  t.same(await kit.redeem(used.token), bytes)
  return { kit, before, used }
}

const restoreOptions = (kit: RecoveryKit, name = 'one.backup'): RestoreOptions => ({
  ...kit.recoverOptions('restored'),
  file: kit.home(name)
})

t.test(
  'a backup brings the cluster back, and nothing that was redeemed since is redeemed again',
  async (t) => {
    const { kit, before, used } = await start(t)
    const done = await backupOf(kit)
    t.match(done, { file: kit.home('one.backup'), pieces: 1, term: kit.controller.term })
    t.equal((await stat(done.file)).size, done.bytes)
    t.equal((await stat(done.file)).mode & 0o077, 0, 'nobody else may read it')
    t.notOk((await readFile(done.file)).includes('before'), 'nor understand it')
    const later = await kit.client.upload(bytes, { name: 'later' })
    t.same(await kit.redeem(before.token), bytes, 'redeemed after the backup')

    await t.rejects(backupOf(kit), { code: 'local-file', message: /--force/ })
    await t.rejects(restore(restoreOptions(kit)), { code: 'restore-refused', message: /leads this cluster/ })
    await kit.loseController()
    for (const { snapshots } of kit.nodes) await snapshots.remove(await snapshots.list())
    const { header, report } = await restore(restoreOptions(kit))
    t.match(header, { clusterName: kit.cluster.clusterName, madeAt: done.madeAt })
    t.match(report, {
      kind: 'restore',
      from: { takenAt: done.madeAt },
      found: { adopted: 1, adoptedFiles: [{ name: 'later', link: 'suspended' }] },
      links: { allSuspended: /the backup is of/ },
      holds: { files: 3, linksLive: 0 }
    })
    await kit.lead('restored')
    t.match(await kit.controller.status(), { collector: { frozen: /^restored at / } })
    for (const { token } of [before, later]) t.equal(await kit.redeem(token), 'link-suspended')
    t.match(await kit.redeem(used.token), /^link-(?:suspended|used)$/)
    await t.rejects(restore(restoreOptions(kit)), { code: 'restore-refused', message: /There is metadata/ })
  }
)

t.test(
  'the nodes keep a base as long as somebody fetches it, and give it back when it is asked for again',
  async (t) => {
    const { kit } = await start(t)
    const first = await backupOf(kit)
    const second = await backupOf(kit, 'one.backup', true)
    t.ok(second.madeAt >= first.madeAt)
    const names = await kit.nodes[0]?.snapshots.names()
    t.ok(names?.some((name) => name.startsWith('base')))
  }
)

t.test('what is no backup, damaged, cut off, of another cluster or a newer version is refused', async (t) => {
  const { kit } = await start(t)
  const { file } = await backupOf(kit)
  const whole = await readFile(file)
  await kit.loseController()
  const tryWith = async (content: Uint8Array, message: RegExp): Promise<void> => {
    await writeFile(kit.home('bad.backup'), content)
    await t.rejects(restore(restoreOptions(kit, 'bad.backup')), { code: 'restore-refused', message })
  }
  await tryWith(Buffer.from('hello, world; this is a letter'), /no backup of peerbin/)
  await tryWith(Buffer.alloc(0), /damaged/)
  for (const at of [30, 100, Math.floor(whole.length / 2), whole.length - 1]) {
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] ?? 0) ^ 4
    await tryWith(changed, /damaged/)
  }
  for (const length of [10, 40, 200, whole.length - 1]) await tryWith(whole.subarray(0, length), /damaged/)
  await tryWith(Buffer.concat([whole, Buffer.from('more')]), /damaged/)
  const newer = Buffer.from(whole)
  newer[4] = 2
  await tryWith(newer, /newer version/)
  await t.rejects(restore({ ...restoreOptions(kit), join: newClusterKey(systemRandom) }), {
    code: 'restore-refused',
    message: /another cluster/
  })
  await t.rejects(restore({ ...restoreOptions(kit), join: undefined }), { code: 'join-string-invalid' })
  await t.rejects(restore(restoreOptions(kit, 'nowhere.backup')), { code: 'local-file' })
})

t.test('metadata of a newer program in a backup is refused', async (t) => {
  const { kit } = await start(t)
  await kit.loseController()
  const file = await open(kit.home('odd.backup'), 'w')
  const writer = new BackupWriter(file, { secret: kit.cluster.secret, random: systemRandom })
  await writer.begin({ clusterName: 'x', madeAt: 1, term: 1, program: '99.0.0' })
  const { zstdCompressSync } = await import('node:zlib')
  await writer.piece(
    Buffer.concat([Buffer.alloc(8), zstdCompressSync(Buffer.alloc(4096, 'no database'))]),
    true
  )
  await file.close()
  await t.rejects(restore(restoreOptions(kit, 'odd.backup')), {
    code: 'restore-refused',
    message: /cannot be used here/
  })
})

t.test('pieces of a backup come back in their order, and none can be left out', async (t) => {
  const path = join(testFolder(t), 'x')
  const { secret } = newClusterKey(systemRandom)
  const write = await open(path, 'w')
  const writer = new BackupWriter(write, { secret, random: systemRandom })
  await writer.begin({ clusterName: 'x', madeAt: 7, term: 3, program: '1' })
  const pieces = ['one', 'two', 'three'].map((text) => Buffer.from(text))
  for (const [index, piece] of pieces.entries()) await writer.piece(piece, index === 2)
  await write.close()
  const whole = await readFile(path)
  const read = async (): Promise<string[]> => {
    await using file = await open(path, 'r')
    const texts: string[] = []
    for await (const piece of new BackupReader(file, secret).pieces())
      texts.push(Buffer.from(piece).toString())
    return texts
  }
  t.same(await read(), ['one', 'two', 'three'])
  const lengths = pieces.map(({ byteLength }) => 4 + byteLength + 53)
  await truncate(path, whole.length - (lengths[2] ?? 0))
  await t.rejects(read(), { code: 'restore-refused' }, 'the last one')
  const start = whole.length - lengths.reduce((sum, length) => sum + length, 0)
  await writeFile(path, whole.subarray(0, start))
  await appendFile(path, whole.subarray(start + (lengths[0] ?? 0)))
  await t.rejects(read(), { code: 'restore-refused' }, 'the first one')
})
