/** The file system's folder and the SQLite memory, under an engine that talks to a server in memory. */

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { appendFile, chmod, link, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { SqliteState } from '../../src/cli/sync/sqlite-state.ts'
import type { EntryId } from '../../src/types.ts'
import { testFolder } from '../kit/test-folder.ts'
import { machine, put } from './machine.ts'
import { MemoryServer } from './memory-remote.ts'

const signal = new AbortController().signal

const read = (root: string, path: string): string => readFileSync(join(root, path), 'utf8')

/** Files and folders, without what is the sync's own. */
const names = (root: string): string[] =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.startsWith('.peerbin-sync'))
    .sort()

t.test('a folder and a server come in step, and stay so over changes, moves and a new process', async (t) => {
  const server = new MemoryServer()
  const root = testFolder(t)
  server.put('there/b.txt', 'from there')
  await put(root, 'here/a.txt', 'from here')
  const first = await machine(t, server, root)
  t.match(await first.sync(), { uploaded: 1, downloaded: 1, files: 2, skipped: [] })
  t.equal(read(root, 'there/b.txt'), 'from there')
  t.match(await first.sync(), { uploaded: 0, downloaded: 0, conflicts: 0 }, 'nothing is left to do')

  await rename(join(root, 'here'), join(root, 'moved'))
  server.put('there/b.txt', 'newer')
  server.put('there/c/d.txt', 'deep')
  t.match(await first.sync(), { movedRemote: 1, uploaded: 0, downloaded: 2 })
  t.same([...server.files().keys()], ['moved/a.txt', 'there/b.txt', 'there/c/d.txt'])
  t.equal(read(root, 'there/b.txt'), 'newer')

  server.delete('there/c/d.txt')
  await rm(join(root, 'moved/a.txt'))
  const second = await machine(t, server, root)
  t.match(await second.sync(), { removedLocal: 1, removedRemote: 1 })
  t.same(
    names(root),
    ['moved', 'there', 'there/b.txt'],
    'a folder that is empty by it is gone, the person’s own is not'
  )
  t.same(readdirSync(join(root, '.peerbin-sync/tmp')), [], 'nothing is left of what was written')
})

t.test('another epoch of the server is noticed by a new process', async (t) => {
  const server = new MemoryServer()
  const root = testFolder(t)
  const goBack = server.backup()
  server.put('a', 'lost there')
  await (await machine(t, server, root)).sync()
  goBack()
  const second = await machine(t, server, root)
  t.match(await second.sync(), { removedLocal: 0, uploaded: 1 })
  t.equal(read(root, 'a'), 'lost there')
})

t.test('times of files travel, and what is only touched does not', async (t) => {
  const server = new MemoryServer()
  const [one, two] = [testFolder(t, { one: {}, two: {} })].flatMap((root) => [
    join(root, 'one'),
    join(root, 'two')
  ])
  if (one === undefined || two === undefined) return
  await put(one, 'a', 'content')
  await utimes(join(one, 'a'), 1_600_000_000, 1_600_000_000)
  const first = await machine(t, server, one)
  await first.sync()
  await (await machine(t, server, two)).sync()
  t.equal((await stat(join(two, 'a'))).mtimeMs, 1_600_000_000_000)
  await utimes(join(one, 'a'), 1_700_000_000, 1_700_000_000)
  await chmod(join(one, 'a'), 0o755)
  t.match(await first.sync(), { uploaded: 0, downloaded: 0 })
  server.put('a', 'newer')
  await first.sync()
  t.equal((await stat(join(one, 'a'))).mode & 0o777, 0o755, 'a new version keeps the mode')
})

t.test('links, pipes and odd names are left out, and nothing is read or written through them', async (t) => {
  const server = new MemoryServer()
  const [root, outside] = [testFolder(t, { in: {}, out: { secret: 'secret' } })].flatMap((folder) => [
    join(folder, 'in'),
    join(folder, 'out')
  ])
  if (root === undefined || outside === undefined) return
  await symlink(outside, join(root, 'linked'))
  await symlink(join(outside, 'secret'), join(root, 'file-link'))
  execFileSync('mkfifo', [join(root, 'pipe')])
  await put(root, 'line\nbreak', 'x')
  await put(root, 'ends with a dot.', 'x')
  await put(root, 'empty', '')
  await put(root, 'Cafe\u0301', 'decomposed')
  server.put('linked/evil', 'must not be written outside')
  server.put('.peerbin-sync/marker', 'must not be written at all')
  server.put('.Peerbin-Sync/state.db', 'nor under another spelling')
  const { sync, folder } = await machine(t, server, root)
  const evil = (async function* () {
    yield Buffer.from('outside')
  })()
  const what = { expected: undefined, modifiedAt: 1 }
  await t.rejects(folder.write('linked/evil', evil, what, signal), { code: 'local-changed' })
  t.equal(await folder.look('linked/secret'), undefined)
  const summary = await sync()
  t.match(summary, { uploaded: 1, downloaded: 0 })
  t.ok(server.files().has('Caf\u00E9'), 'a name in another Unicode form is the same name')
  t.same(Object.fromEntries(summary.skipped.map(({ path, code }) => [path, code])), {
    linked: 'symlink',
    'file-link': 'symlink',
    pipe: 'special-file',
    'line\nbreak': 'name-refused',
    'ends with a dot.': 'name-refused',
    empty: 'empty-file'
  })
  t.same(readdirSync(outside), ['secret'])
  t.same(names(root).filter((name) => name.startsWith('Caf')).length, 1)
  t.match(await sync(), { uploaded: 0, removedRemote: 0 })
})

t.test(
  'what becomes a link, or cannot be read, is not gone',
  { skip: process.getuid?.() === 0 ? false : 'not root: cannot become somebody else' },
  async (t) => {
    const server = new MemoryServer()
    const root = testFolder(t)
    for (const path of ['a', 'b', 'closed/c']) await put(root, path, `content of ${path}`)
    const { sync } = await machine(t, server, root)
    await sync()
    await rm(join(root, 'a'))
    await symlink('/etc/hostname', join(root, 'a'))
    await put(root, 'b', 'edited, and closed')
    await chmod(join(root, 'b'), 0o000)
    await chmod(join(root, 'closed'), 0o000)
    execFileSync('chown', ['-R', '65534', join(root, '.peerbin-sync')])
    process.seteuid?.(65_534)
    t.teardown(() => process.seteuid?.(0))
    const summary = await sync().finally(() => process.seteuid?.(0))
    t.match(summary, { uploaded: 0, removedRemote: 0 })
    t.same(Object.fromEntries(summary.skipped.map(({ path, code }) => [path, code])), {
      a: 'symlink',
      b: 'unreadable',
      closed: 'unreadable'
    })
    t.equal(server.files().size, 3, 'all are still there')
    await chmod(join(root, 'b'), 0o644)
    await chmod(join(root, 'closed'), 0o755)
    t.match(await sync(), { uploaded: 1, skipped: [{ path: 'a', code: 'symlink' }] })
  }
)

t.test('what somebody writes in the moment of a step is never overwritten', async (t) => {
  const server = new MemoryServer()
  const root = testFolder(t)
  await put(root, 'a', 'first')
  const { sync, folder } = await machine(t, server, root)
  await sync()
  const before = await folder.look('a')
  if (before === undefined || 'code' in before) throw new Error('a is there')
  const late = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('from the server')
    await appendFile(join(root, 'a'), ', and edited')
    await put(root, 'new', 'mine')
  }
  const what = { expected: before.stamp, modifiedAt: 1 }
  await t.rejects(folder.write('a', late(), what, signal), { code: 'local-changed' })
  await t.rejects(folder.write('new', late(), { expected: undefined, modifiedAt: 1 }, signal), {
    code: 'local-changed'
  })
  await t.rejects(folder.remove('a', before.stamp), { code: 'local-changed' })
  await t.rejects(folder.rename('a', before.stamp, 'b'), { code: 'local-changed' })
  const now = await folder.look('a')
  if (now === undefined || 'code' in now) throw new Error('a is there')
  await t.rejects(folder.rename('a', now.stamp, 'new'), { code: 'local-changed' })
  t.match(read(root, 'a'), /^first(, and edited)+$/)
  t.equal(read(root, 'new'), 'mine')
  t.same(readdirSync(join(root, '.peerbin-sync/tmp')), [])
})

t.test('an edit that leaves size and time as they were is seen', async (t) => {
  const server = new MemoryServer()
  const root = testFolder(t)
  await put(root, 'a', 'one')
  await utimes(join(root, 'a'), 1_600_000_000, 1_600_000_000)
  const { sync } = await machine(t, server, root)
  await sync()
  await writeFile(join(root, 'a'), 'two')
  await utimes(join(root, 'a'), 1_600_000_000, 1_600_000_000)
  t.match(await sync(), { uploaded: 1 })
  t.equal(server.files().get('a'), 'two')
})

t.test('what a killed process left in the middle of a step goes, or is kept aside', async (t) => {
  const server = new MemoryServer()
  const root = testFolder(t)
  await put(root, 'a', 'content')
  await (await machine(t, server, root)).sync()
  await writeFile(join(root, '.peerbin-sync/tmp/1.new'), 'half')
  await link(join(root, 'a'), join(root, '.peerbin-sync/tmp/2.old'))
  const { sync } = await machine(t, server, root)
  t.match(await sync(), { uploaded: 0, downloaded: 0 })
  t.same(readdirSync(join(root, '.peerbin-sync/tmp')), [])
  t.same(readdirSync(join(root, '.peerbin-sync/kept')), ['2.old'])
})

t.test(
  'a full disk: nothing is half there, nothing else changes, and it goes on when there is room',
  async (t) => {
    const root = testFolder(t)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', root], { stdio: 'pipe' })
    } catch {
      t.pass('SKIPPED: no file system can be mounted here, so no disk can be filled', {
        skip: 'cannot mount'
      })
      return
    }
    t.teardown(() => execFileSync('umount', ['-l', root]))
    const server = new MemoryServer()
    await put(root, 'small', 'mine')
    // one after the other: else there is no room for the small one either while the large one is being written
    const { sync } = await machine(t, server, root, { filesAtOnceMax: 1 })
    await sync()
    server.put('large', 'x'.repeat(2_000_000))
    server.put('small', 'newer')
    const summary = await sync()
    t.same(summary.skipped, [{ path: 'large', code: 'local-full' }])
    t.notOk(existsSync(join(root, 'large')))
    t.same(readdirSync(join(root, '.peerbin-sync/tmp')), [])
    t.ok(server.files().has('large'), 'that it is not here does not mean that somebody deleted it')
    execFileSync('mount', ['-o', 'remount,size=8m', root])
    t.match(await sync(), { skipped: [] })
    t.equal(read(root, 'large').length, 2_000_000)
    t.equal(read(root, 'small'), 'newer')
  }
)

t.test('state of the first version is opened, with what is in it', async (t) => {
  const root = testFolder(t)
  const old = new DatabaseSync(join(root, 'state.db'))
  old.exec(readFileSync(new URL('state-1.sql', import.meta.url), 'utf8'))
  old.close()
  const state = new SqliteState(join(root, 'state.db'))
  t.teardown(() => state.close())
  const id = '00000000-0000-4000-8000-000000000001' as EntryId
  const sha256 = 'ab'.repeat(32)
  const saved = await state.load()
  t.match(saved, { base: [{ id, path: 'a.txt', version: 3, sha256, sizeBytes: 5 }], epoch: '7' })
  t.match(saved, {
    commits: [{ path: 'b.txt' }],
    arrivals: [{ path: 'c.txt' }],
    moves: [],
    removals: [],
    renames: []
  })
  const move = { id, from: 'a.txt', to: 'd.txt', at: 1 }
  const removal = { id, path: 'a.txt', version: 3, at: 2 }
  const rename = { id, from: 'a.txt', to: 'a.moving-1', sha256 }
  await state.save([
    { put: 'move', move },
    { put: 'removal', removal },
    { put: 'rename', rename }
  ])
  t.match(await state.load(), { moves: [move], removals: [removal], renames: [rename] })
  await state.save([
    { drop: 'move', id },
    { drop: 'removal', id },
    { drop: 'rename', id }
  ])
  t.strictSame((({ moves, removals, renames }) => [moves, removals, renames])(await state.load()), [
    [],
    [],
    []
  ])
})

t.test('state that cannot be what it says is not opened', async (t) => {
  const root = testFolder(t, { 'state.db': 'no database at all, but long enough to look like something' })
  t.throws(() => new SqliteState(join(root, 'state.db')), { code: 'local-file' })
})
