/** `peerbin sync` against a cluster in this process: two machines of one account, by HTTP. */

import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { createCluster } from '../../src/compose/cluster.ts'
import { sampleBytes } from '../edge/edge-cluster.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'
import { accountCommands, linesOf } from './account-kit.ts'

t.setTimeout(120_000)

const folder = testFolder(t)
const cluster = await createCluster({
  nodes: 2,
  edges: 1,
  config: {
    edge: { port: 0 },
    link: { passwordMemoryKiB: 128, passwordPasses: 1 },
    account: { passwordMemoryKiB: 128, passwordPasses: 1 }
  }
})
t.teardown(() => cluster.stop())
await cluster.start()
const url = cluster.edges[0]?.url ?? ''
const env = { XDG_CONFIG_HOME: join(folder, 'config') }
const { run, done, json } = accountCommands(folder, env)
await done(['register', url, '--username', 'ada', '--password-stdin'], { input: 'correct horse battery\n' })

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), content)
}

const read = async (path: string): Promise<string> => await readFile(join(folder, path), 'utf8')
const names = (path: string): string[] =>
  readdirSync(join(folder, path), { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.startsWith('.peerbin-sync'))
    .sort()

/** The summary of one round. */
async function sync(...argv: string[]): Promise<Record<string, unknown>> {
  const last = (await json(['sync', ...argv, '--once'])).at(-1)
  return last?.['summary'] as Record<string, unknown>
}

t.test('two folders come in step: files, moves, deletions', async (t) => {
  await put('one/a.txt', 'from one')
  await put('one/work/b.txt', 'deep')
  const { code, stdout } = await run(['sync', '--dry-run', 'one'])
  t.match({ code, stdout }, { code: 0, stdout: /would be sent: a\.txt/ })
  t.same(names('one'), ['a.txt', 'work', 'work/b.txt'])
  t.notOk(readdirSync(join(folder, 'one')).includes('.peerbin-sync'), 'a look leaves no trace')
  t.match(await sync('one'), { up: 2, down: 0, skipped: [] })
  t.match(await sync('two'), { up: 0, down: 2, files: 2 })
  t.equal(await read('two/work/b.txt'), 'deep')

  await rename(join(folder, 'two/work'), join(folder, 'two/done'))
  await rm(join(folder, 'two/a.txt'))
  t.match(await sync('two'), { moved_there: 1, deleted_there: 1, up: 0 })
  t.match(await sync('one'), { moved_here: 1, deleted_here: 1, down: 0 })
  t.same(names('one'), names('two'))
})

t.test('one byte in a large file moves a part of it, both ways', async (t) => {
  const content = Buffer.from(sampleBytes(9_000_000, 5))
  await put('one/large.bin', content)
  t.match(await sync('one'), { up: 1 })
  await sync('two')
  const edited = Buffer.concat([
    content.subarray(0, 4_000_000),
    Buffer.from('x'),
    content.subarray(4_000_000)
  ])
  await put('one/large.bin', edited)
  const up = await sync('one')
  t.ok(
    Number(up['sent_bytes']) > 0 && Number(up['sent_bytes']) <= 2 * 2 ** 20,
    `${String(up['sent_bytes'])} bytes up`
  )
  const down = await sync('two')
  t.ok(
    Number(down['fetched_bytes']) > 0 && Number(down['fetched_bytes']) <= 2 * 2 ** 20,
    `${String(down['fetched_bytes'])} bytes down`
  )
  t.ok(edited.equals(await readFile(join(folder, 'two/large.bin'))))
})

t.test('what both changed is kept twice, on both sides', async (t) => {
  await put('one/report.txt', 'first')
  await sync('one')
  await sync('two')
  await put('one/report.txt', 'of one')
  await put('two/report.txt', 'of two')
  await sync('one')
  t.match(await sync('two'), { conflicts: 1, up: 1, down: 1 })
  await sync('one')
  t.equal(await read('one/report.txt'), 'of one')
  const copies = names('one').filter((name) => name.includes('(conflict of '))
  t.equal(copies.length, 1)
  t.match(copies[0], /^report \(conflict of .+ \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\)\.txt$/)
  t.equal(await read(`one/${copies[0] ?? ''}`), 'of two')
  t.same(names('one'), names('two'))
})

t.test('what a file is said to be stays when it is edited; of a new one it is what `put` says', async (t) => {
  const credentials = JSON.stringify({ username: 'ada', password: 'correct horse battery' })
  const headers = { 'content-type': 'application/json' }
  const signedIn = await fetch(`${url}/api/login`, { method: 'POST', headers, body: credentials })
  const { access_token: token } = (await signedIn.json()) as { access_token: string }
  const form = new FormData()
  form.set('path', 'types/a.pdf')
  form.set('file', new Blob(['first'], { type: 'application/pdf' }), 'a.pdf')
  const authorization = `Bearer ${token}`
  const sent = await fetch(`${url}/api/files/upload`, {
    method: 'POST',
    headers: { authorization },
    body: form
  })
  t.equal(sent.status, 201)
  await sync('one')
  await appendFile(join(folder, 'one/types/a.pdf'), ', edited')
  await put('one/types/new.pdf', 'new')
  t.match(await sync('one'), { up: 2 })
  await put('put.pdf', 'put')
  await done(['put', 'put.pdf', 'types/put.pdf'])
  const listed = await fetch(`${url}/api/files/list?folder=types`, { headers: { authorization } })
  const { files } = (await listed.json()) as { files: Array<Record<string, unknown>> }
  t.strictSame(
    files.map((file) => [file['file_name'], file['version'], file['media_type']]),
    [
      ['a.pdf', 2, 'application/pdf'],
      ['new.pdf', 1, 'application/octet-stream'],
      ['put.pdf', 1, 'application/octet-stream']
    ]
  )
})

t.test('only a folder of the account, without what is excluded', async (t) => {
  await put('three/x.txt', 'x')
  await put('three/y.tmp', 'y')
  await put('three/node_modules/z/index.js', 'z')
  const options = ['--to', 'projects/p', '--exclude', '*.tmp', '--exclude', 'node_modules']
  t.match(await sync('three', ...options), { up: 1, down: 0, files: 1 })
  t.match(
    (await json(['ls', '-R', 'projects'])).map((file) => file['path']),
    ['projects/p/x.txt']
  )
  t.match(await run(['sync', '--once', 'three']), { code: 2, stderr: /another server, account or folder/ })
})

t.test('going on: changes of either side come by themselves', async (t) => {
  const stop = new AbortController()
  const running = run(['sync', 'two', '--json'], { interrupted: stop.signal })
  t.teardown(async () => {
    stop.abort()
    await running
  })
  await put('one/live.txt', 'from the other')
  await sync('one')
  await until('it is fetched', () => names('two').includes('live.txt'))
  await appendFile(join(folder, 'two/live.txt'), ', and back')
  await until('it is sent', async () => {
    const [file] = await json(['ls', '--search', 'live'])
    return file?.['version'] === 2
  })
  stop.abort()
  const { code, stdout } = await running
  t.equal(code, 0)
  t.ok(linesOf(stdout).some((line) => line['step'] === 'upload' && line['path'] === 'live.txt'))
})
