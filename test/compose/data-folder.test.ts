import { chmod, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { newClusterKey, readClusterKey, settleClusterKey } from '../../src/compose/cluster-key.ts'
import { openRoleState } from '../../src/compose/data-folder.ts'
import { lockFolder } from '../../src/compose/folder-lock.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { Address, Term } from '../../src/types.ts'
import { testFolder } from '../kit/test-folder.ts'

t.test('a data folder remembers who it is and what it saw', async (t) => {
  const folder = join(testFolder(t), 'node')
  const first = await openRoleState(folder)
  await first.boot.set(7)
  await first.term.set(3 as Term)
  await first.peers.set({ somebody: ['/ip4/10.0.0.1/tcp/1' as Address] })
  await first.listening.set({ host: '0.0.0.0', port: 4811, advertise: '' })
  first.close()
  first.close()
  const second = await openRoleState(folder)
  t.equal(second.self, first.self)
  t.same([second.boot.get(), second.term.get(), second.listening.get().port], [7, 3, 4811])
  t.same(second.peers.get(), { somebody: ['/ip4/10.0.0.1/tcp/1'] })
  second.close()
  t.equal((await stat(folder)).mode & 0o777, 0o700)
  t.equal((await stat(join(folder, 'identity'))).mode & 0o777, 0o600)
})

t.test('one process has a folder to itself', async (t) => {
  const folder = join(testFolder(t), 'node')
  const holder = await openRoleState(folder)
  await t.rejects(openRoleState(folder), { code: 'data-in-use', message: new RegExp(folder) })
  holder.close()
  const next = await openRoleState(folder)
  next.close()
})

t.test('a home is shared by single roles, or held by one alone', async (t) => {
  const folder = testFolder(t)
  const one = lockFolder(folder, 'shared')
  const two = lockFolder(folder, 'shared')
  t.throws(() => lockFolder(folder, 'exclusive'), { code: 'data-in-use' })
  one.release()
  t.throws(() => lockFolder(folder, 'exclusive'), { code: 'data-in-use' })
  two.release()
  const alone = lockFolder(folder, 'exclusive')
  t.throws(() => lockFolder(folder, 'shared'), { code: 'data-in-use' })
  alone.release()
  alone.release()
  lockFolder(folder, 'shared').release()
})

t.test('what is damaged is named', async (t) => {
  for (const name of ['identity', 'boot.json', 'term.json', 'peers.json', 'listen.json']) {
    const folder = join(testFolder(t), name)
    const state = await openRoleState(folder)
    state.close()
    await writeFile(join(folder, name), 'rubbish')
    await t.rejects(openRoleState(folder), { code: 'data-incompatible', message: new RegExp(name) })
    await t.rejects(openRoleState(folder), { code: 'data-incompatible' }, 'and the lock was given back')
  }
  const folder = testFolder(t, { join: 'peerbin1_rubbish' })
  await t.rejects(readClusterKey(folder), { code: 'data-incompatible', message: /join/ })
})

t.test('a folder that cannot be made is a problem of this machine', async (t) => {
  const folder = testFolder(t, { file: '' })
  await t.rejects(openRoleState(join(folder, 'file', 'node')), { code: 'local-file' })
})

t.test('a folder belongs to one cluster', async (t) => {
  const folder = testFolder(t)
  const key = newClusterKey(systemRandom)
  t.equal(await settleClusterKey(folder, undefined), undefined, 'a new folder to none')
  t.same(await settleClusterKey(folder, key), key)
  t.same(await settleClusterKey(folder, undefined), key, 'and remembers it')
  const moved = { ...key, addresses: ['/ip4/10.0.0.9/tcp/4811' as Address] }
  t.same(await settleClusterKey(folder, moved), moved, 'newer addresses of the same cluster are taken over')
  t.same(await settleClusterKey(folder, undefined), moved)
  await t.rejects(settleClusterKey(folder, newClusterKey(systemRandom)), { code: 'join-string-invalid' })
  t.equal((await stat(join(folder, 'join'))).mode & 0o777, 0o600)
  t.same(
    (await readdir(folder)).filter((name) => name.endsWith('.new')),
    [],
    'no half-written file stays'
  )
})

t.test('the mode of a secret is put right when it is written again', async (t) => {
  const folder = testFolder(t)
  await settleClusterKey(folder, newClusterKey(systemRandom, 'a'))
  await writeFile(join(folder, 'join.new'), '')
  await chmod(join(folder, 'join.new'), 0o644)
  const key = await readClusterKey(folder)
  if (key !== undefined)
    await settleClusterKey(folder, { ...key, addresses: ['/ip4/10.0.0.9/tcp/1' as Address] })
  t.equal((await stat(join(folder, 'join'))).mode & 0o777, 0o600)
})
