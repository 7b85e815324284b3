/** `peerbin pool …`, against edges in this process. */

import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { UNLIMITED } from '../edge/pools/pools-kit.ts'
import { startEdges } from '../edge/edge-cluster.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'
import { runInProcess } from '../kit/cli-context.ts'
import { accountCommands, linesOf } from './account-kit.ts'
import type { AccountCommands, Json } from './account-kit.ts'

const edges = await startEdges(t, { config: UNLIMITED })
const base = testFolder(t)
const work = join(base, 'work')
await mkdir(work)

/** Somebody at a machine of their own. */
const machine = (name: string): AccountCommands & { env: Record<string, string> } => {
  const env = { XDG_CONFIG_HOME: join(base, name, 'config'), XDG_STATE_HOME: join(base, name, 'state') }
  return { ...accountCommands(work, env), env }
}

const owner = machine('owner')
const sensor = machine('sensor')
const worker = machine('worker')
const listener = machine('listener')

const make = async (path: string, text: string, at?: Date): Promise<void> => {
  await mkdir(join(work, path, '..'), { recursive: true })
  await writeFile(join(work, path), text)
  if (at !== undefined) await utimes(join(work, path), at, at)
}

const groups = async (): Promise<Json[]> => await owner.json(['pool', 'groups', 'measured'])

t.test('an owner makes a pool, and programs join it', async (t) => {
  await owner.done(['register', edges.url(), '--username', 'ada', '--password-stdin'], {
    input: 'correct horse battery'
  })
  const id = (await owner.done(['pool', 'create', 'measured', '--frequency', '1h', '--lease', '5s'])).trim()
  t.match(id, /^[0-9a-f-]{36}$/)
  t.match(
    await owner.done(['pool', 'show', 'measured']),
    /producers send every 1h; windows of 1h, open for 6m more/
  )
  for (const [program, role] of [
    [sensor, 'producer'],
    [worker, 'server'],
    [listener, 'listener']
  ] as const) {
    const url = (await owner.done(['pool', 'invite', id, '--role', role, '--uses', '1'])).trim()
    t.ok(url.startsWith(`${edges.url()}/pools/join#pbjoin_`))
    const [joined] = await program.json(['pool', 'join', url, '--name', `the-${role}`])
    t.match(joined, { pool: id, role, member: `the-${role}` })
    t.match((await program.run(['pool', 'join', url])).stderr, /join-key-invalid/)
  }
  const kept = join(base, 'sensor', 'config', 'peerbin', 'pools.json')
  t.equal((await stat(kept)).mode & 0o777, 0o600, 'the token is for this user alone')
  t.match(await owner.done(['pool', 'members', 'measured', '--role', 'producer']), /the-producer +producer/)
  t.match(await owner.done(['pool', 'ls']), /measured +owner +4 +1h/)
  t.match(await owner.done(['pool', 'keys', id]), /1 of 1/)
  t.match(await sensor.done(['pool', 'ls']), /measured +producer/)
})

t.test('a folder is sent, and only what is new of it the next time', async (t) => {
  const at = new Date(Date.now() - 60_000)
  await make('outbox/one.csv', '1', at)
  await make('outbox/deep/two.csv', '22', at)
  await make('outbox/.hidden', 'no', at)
  t.match(await sensor.done(['pool', 'send', 'measured', 'outbox', '--meta', 'sensor=17']), /^2 sent \(3 B\)/)
  await make('outbox/three.csv', '333', at)
  t.match(await sensor.done(['pool', 'send', 'measured', 'outbox']), /^1 sent/)
  t.match(await owner.done(['pool', 'groups', 'measured']), /open until .* 3 +6 B +1/)
})

t.test('what cannot be sent waits, and is sent when the server is there', async (t) => {
  const away = ['--server', 'http://127.0.0.1:9']
  await make('late.csv', 'late', new Date(Date.now() - 30_000))
  const refused = await sensor.run(['pool', 'send', 'measured', 'late.csv', '--wait', '100ms', ...away])
  t.equal(refused.code, 3)
  t.match(refused.stderr, /1 file is kept in the queue/)
  t.match(await sensor.done(['pool', 'queue', 'measured']), /waiting +late\.csv/)
  t.match(await sensor.done(['pool', 'queue', 'measured', '--send']), /^1 sent/)
  await make('old.csv', 'old', new Date('2020-01-01'))
  const old = await sensor.run(['pool', 'send', 'measured', 'old.csv', '--json'])
  t.equal(old.code, 2)
  t.match(linesOf(old.stdout), [
    { state: 'queued' },
    { name: 'old.csv', state: 'refused', code: 'timestamp-too-old' },
    { sent: 0, refused: 1 }
  ])
  t.match(await sensor.done(['pool', 'queue', 'measured', '--drop-refused']), /1 dropped/)
  await make('queued.csv', 'queued')
  t.match(
    await sensor.done(['pool', 'send', 'measured', 'queued.csv', '--no-send', '--timestamp', 'now']),
    /1 waiting/
  )
  t.match(await sensor.done(['pool', 'queue', 'measured', '--send', '--json']), /"sent":1/)
  t.match((await listener.run(['pool', 'send', 'measured', 'late.csv'])).stderr, /permission-denied/)
})

t.test('a folder is watched: what has stopped changing is sent', async (t) => {
  await mkdir(join(work, 'watched'))
  const stop = new AbortController()
  const watching = runInProcess(
    ['pool', 'send', 'measured', 'watched', '--watch', '--every', '50ms', '--json'],
    {
      cwd: work,
      env: sensor.env,
      interrupted: stop.signal
    }
  )
  const before = Number((await groups())[0]?.['files'])
  await make('watched/a.csv', 'a', new Date(Date.now() - 5000))
  await until('it was sent', async () => Number((await groups())[0]?.['files']) === before + 1)
  stop.abort()
  const { stdout } = await watching
  t.match(linesOf(stdout)[0], { name: 'a.csv', state: 'queued' })
})

t.test('a command works on a group, and everybody gets its result', async (t) => {
  const [group] = await groups()
  t.match(await worker.done(['pool', 'close', 'measured', 'open']), /closed, 6 files/)
  const exec =
    'cat the-producer/*.csv | wc -c > "$PEERBIN_OUTPUT"; test -f "$PEERBIN_MANIFEST"; test -z "$PEERBIN_TOKEN"'
  const args = ['pool', 'serve', 'measured', '--once', '--exec', exec, '--work', join(base, 'serving')]
  const served = await worker.json([...args, '--result-name', 'count.txt', '--result-type', 'text/plain'])
  t.match(served, [
    { type: 'taken', group: group?.['group'] },
    { type: 'done', name: 'count.txt' }
  ])
  t.same(await readdir(join(base, 'serving')), [], 'nothing is left behind')
  const [saved] = await listener.json(['pool', 'results', 'measured', '--group', 'latest', '-o', 'count.txt'])
  t.match(saved, { group: group?.['group'] })
  t.match(await readFile(join(work, 'count.txt'), 'utf8'), /^17\n$/)
  t.match(await listener.done(['pool', 'results', 'measured']), /count\.txt/)
  t.match((await listener.run(['pool', 'get', 'measured', 'latest'])).stderr, /permission-denied/)
  await worker.done(['pool', 'get', 'measured', 'latest', '-o', 'fetched'])
  t.same((await readdir(join(work, 'fetched'))).toSorted(), ['manifest.json', 'the-producer'])
  await owner.done(['pool', 'get', 'measured', 'latest', '--tar', '-o', 'fetched.tar'])
  t.ok((await stat(join(work, 'fetched.tar'))).size > 6 * 512)
  t.notOk(existsSync(join(work, 'fetched.tar.peerbin-part')))
})

t.test('a command that fails says why', async (t) => {
  await make('bad.csv', 'bad')
  await sensor.done(['pool', 'send', 'measured', 'bad.csv', '--timestamp', 'now'])
  await owner.done(['pool', 'close', 'measured', 'open'])
  const failed = await worker.run([
    'pool',
    'serve',
    'measured',
    '--once',
    '--exec',
    'echo broken >&2; exit 65'
  ])
  t.equal(failed.code, 7)
  t.match(failed.stderr, /failed: exit status 65: broken/)
  const [group] = await groups()
  t.match(group, { state: 'failed', failure: 'exit status 65: broken', attempts: 1 })
  await owner.done(['pool', 'retry', 'measured', String(group?.['group'])])
  const slow = await worker.run([
    'pool',
    'serve',
    'measured',
    '--once',
    '--exec',
    'sleep 300',
    '--time-limit',
    '1s'
  ])
  t.match(slow.stderr, /it took longer than 1 s/)
  t.equal(
    (await worker.run(['pool', 'serve', 'measured', '--once', '--exec', 'true'])).code,
    0,
    'nothing waits'
  )
})

t.test('a pool is changed, left and deleted', async (t) => {
  t.match(
    await owner.done(['pool', 'set', 'measured', '--close-at', '3', '--grace', '0s']),
    /until 3 producers/
  )
  t.notMatch(await owner.done(['pool', 'set', 'measured', '--close-at', 'none']), /or until/)
  t.match((await owner.run(['pool', 'set', 'measured', '--frequency', '1s'])).stderr, /at least 60 /)
  t.equal((await owner.run(['pool', 'set', 'measured'])).code, 2)
  t.match((await sensor.run(['pool', 'set', 'measured', '--frequency', '2h'])).stderr, /permission-denied/)
  await owner.done(['pool', 'role', 'measured', 'the-listener', 'producer'])
  await owner.done(['pool', 'remove', 'measured', 'the-server'])
  t.equal((await worker.run(['pool', 'show', 'measured'])).code, 4)
  await listener.done(['pool', 'leave', 'measured'])
  t.match((await owner.run(['pool', 'leave', 'measured'])).stderr, /last-owner/)
  t.match(await owner.done(['pool', 'archive', 'measured']), /archived/)
  await make('archived.csv', 'x')
  t.match((await sensor.run(['pool', 'send', 'measured', 'archived.csv'])).stderr, /pool-archived/)
  t.match(await owner.done(['pool', 'archive', 'measured', '--undo']), /active/)
  t.equal((await owner.run(['pool', 'delete', 'measured'])).code, 2)
  await owner.done(['pool', 'delete', 'measured'], { answers: ['measured'] })
  t.equal((await owner.run(['pool', 'show', 'measured'])).code, 4)
})
