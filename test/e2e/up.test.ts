import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { isAlive, listedProcesses, PeerbinProcess, PROGRAM, runPeerbin, startUp } from '../kit/processes.ts'
import { until } from '../kit/until.ts'
import { testFolder } from '../kit/test-folder.ts'

// six processes start several times, on a machine that may be busy
t.setTimeout(400_000)

const run = promisify(execFile)

interface Uploaded {
  url: string
  directUrl: string
}

const curlUpload = async (url: string, path: string): Promise<Uploaded> => {
  const { stdout } = await run('curl', [
    '-sS',
    '-F',
    `file=@${path}`,
    '-H',
    'accept: application/json',
    `${url}/upload`
  ])
  return JSON.parse(stdout) as Uploaded
}

t.test(
  'up runs a cluster, stops it cleanly, and serves at the next start what was stored before',
  async (t) => {
    const data = join(testFolder(t), 'data')
    const file = join(t.testdirName, 'big.bin')
    const bytes = randomBytes(9_000_000)
    await writeFile(file, bytes)

    const first = await startUp(data)
    t.teardown(() => first.up.stop('SIGKILL'))
    t.match(
      first.up.stdout,
      /^peerbin is ready: http:\/\/127\.0\.0\.1:\d+\n$/,
      'one line, and nothing else, on standard output'
    )

    const processes = await listedProcesses(data)
    t.same(
      processes.map(({ role, name, state }) => [role, name, state]),
      [
        ['controller', 'controller', 'running'],
        ['node', 'node-1', 'running'],
        ['node', 'node-2', 'running'],
        ['node', 'node-3', 'running'],
        ['edge', 'edge', 'running']
      ],
      'cluster.json lists the processes in order of start'
    )
    for (const { pid, peerId, addresses, name } of processes) {
      t.ok(isAlive(pid), `${name} runs`)
      t.match(peerId, /^12D3KooW/)
      t.ok(addresses[0]?.endsWith(`/p2p/${peerId}`), `${name} says where it is`)
    }
    t.equal(new Set(processes.map(({ pid }) => pid)).size, 5, 'each is a process of its own')
    for (const secret of ['join', 'node-1/identity'])
      t.equal((await stat(join(data, secret))).mode & 0o077, 0, `${secret} is readable by its owner only`)
    t.equal((await stat(data)).mode & 0o077, 0, 'nobody else enters the data folder')

    const now = await curlUpload(first.url, file)
    const later = await curlUpload(first.url, file)
    const out = join(t.testdirName, 'out.bin')
    await run('curl', ['-sS', '--fail', '-o', out, now.directUrl])
    t.ok(bytes.equals(await readFile(out)), 'what was uploaded comes down')
    const again = await run('curl', ['-sS', '-o', '/dev/null', '-w', '%{http_code}', now.directUrl])
    t.equal(again.stdout, '410', 'but once only')

    const other = await runPeerbin(['up', '--data', data, '--port', '0'])
    t.equal(other.code, 7)
    t.match(
      other.stderr,
      /^peerbin: .* is in use by another process \(data-in-use\)\n$/,
      'a second one on the folder is refused'
    )
    const node = await runPeerbin(['node', '--data', data])
    t.match(node.stderr, /\(data-in-use\)/, 'and so is a single node')

    const began = performance.now()
    t.same(await first.up.stop('SIGTERM'), { code: 0, signal: null }, 'SIGTERM ends it without an error')
    t.ok(performance.now() - began < 8000, 'by force if need be: five seconds, and some for a busy machine')
    t.notOk(
      processes.some(({ pid }) => isAlive(pid)),
      'and leaves no process behind'
    )
    t.ok((await listedProcesses(data)).every(({ state }) => state === 'stopped'))
    const setup = /^peerbin: there is no administrator yet; make one at (\S+)\/setup#([\w-]{43})\n$/
    const [, at, secret = 'none'] = setup.exec(first.up.stderr) ?? []
    t.equal(at, first.url, 'with nothing to report but where the first administrator can be made')
    const logs = await readdir(join(data, 'logs'))
    for (const log of logs)
      t.notOk(
        (await readFile(join(data, 'logs', log), 'utf8')).includes(secret),
        `${log} does not have the secret`
      )

    const second = await startUp(data)
    t.teardown(() => second.up.stop('SIGKILL'))
    const path = new URL(later.directUrl).pathname
    await run('curl', ['-sS', '--fail', '-o', out, second.url + path])
    t.ok(bytes.equals(await readFile(out)), 'the file of the first run comes down')
    const used = await run('curl', [
      '-sS',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      second.url + new URL(now.directUrl).pathname
    ])
    t.equal(used.stdout, '410', 'a link that was used stays used')
    const before = new Map(processes.map(({ name, peerId, addresses }) => [name, { peerId, addresses }]))
    for (const { name, peerId, addresses } of await listedProcesses(data))
      t.same({ peerId, addresses }, before.get(name), `${name} is who and where it was`)
    t.equal((await second.up.stop('SIGINT')).code, 0, 'SIGINT ends it too')
  }
)

t.test('a node that is killed is reported and stays listed, and the rest goes on', async (t) => {
  const data = join(testFolder(t), 'data')
  const file = join(t.testdirName, 'big.bin')
  const bytes = randomBytes(9_000_000)
  await writeFile(file, bytes)
  const { up, url } = await startUp(data)
  t.teardown(() => up.stop('SIGKILL'))
  const links = [await curlUpload(url, file), await curlUpload(url, file)]

  const victim = (await listedProcesses(data)).find(({ name }) => name === 'node-2')
  process.kill(victim?.pid ?? 0, 'SIGKILL')
  await up.until('the death is reported', () => up.stderr.includes('node-2'))
  t.match(up.stderr, /^peerbin: node-2 \(pid \d+\) died: killed by SIGKILL \(9\)\. Log: .*node-2\.log$/m)
  await up.until('and listed', async () => (await listedProcesses(data))[2]?.state === 'died')
  t.equal((await listedProcesses(data)).length, 5)

  for (const { directUrl } of links) {
    const out = join(t.testdirName, 'out.bin')
    await run('curl', ['-sS', '--fail', '-o', out, directUrl])
    t.ok(bytes.equals(await readFile(out)), 'a file that was acknowledged before comes down')
  }
  const after = await curlUpload(url, file)
  t.match(after.url, /\/d\//, 'and uploads go on with two nodes')
  t.equal((await up.stop()).code, 0)
})

t.test('children do not outlive a supervisor that is killed', async (t) => {
  const data = join(testFolder(t), 'data')
  const { up } = await startUp(data, ['--nodes', '2'])
  const pids = (await listedProcesses(data)).map(({ pid }) => pid)
  t.equal(pids.length, 4, '--nodes says how many')
  await up.stop('SIGKILL')
  await until('every child has ended', () => !pids.some(isAlive))
  t.pass('every child has ended')
})

t.test('when the port of the edge is taken, up says so and leaves nothing behind', async (t) => {
  const { createServer } = await import('node:net')
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const data = join(testFolder(t), 'data')
  const result = await runPeerbin(['up', '--data', data], { env: { PORT: String(port) } })
  t.equal(result.code, 7)
  t.equal(result.stdout, '')
  t.match(
    result.stderr,
    new RegExp(`^peerbin: edge: .*${port}.*\\(address-in-use\\)`),
    'the line names the port'
  )
  t.equal(result.stderr.trim().split('\n').length, 1, 'and is the only one')
  t.notOk((await listedProcesses(data)).some(({ pid }) => isAlive(pid)))
})

t.test('up refuses settings that are wrong before it starts anything', async (t) => {
  const data = testFolder(t, { 'config.json': '{"edge": {"prot": 80}}' })
  const misspelt = await runPeerbin(['up', '--data', data])
  t.equal(misspelt.code, 2)
  t.match(misspelt.stderr, /config\.json.*prot.*\(config-invalid\)/)
  await writeFile(join(data, 'config.json'), '{"edge": ')
  const corrupt = await runPeerbin(['up', '--data', data])
  t.equal(corrupt.code, 2)
  t.match(corrupt.stderr, /^peerbin: .*config\.json is not valid JSON.*\(config-invalid\)\n$/)
})

t.test('the end of the shell that npm runs it in is the end of up', async (t) => {
  const data = join(testFolder(t), 'data')
  const shell = spawn(
    'sh',
    ['-c', '"$0" "$1" up --data "$2" --port 0 --nodes 2; true', process.execPath, PROGRAM, data],
    {
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], npm_lifecycle_event: 'start' }
    }
  )
  const allRun = async (): Promise<boolean> => {
    const listed = await listedProcesses(data).catch(() => []) // not written yet
    return listed.length === 4 && listed.every(({ state }) => state === 'running')
  }
  await until('the cluster runs', allRun, 90_000)
  const pids = (await listedProcesses(data)).map(({ pid }) => pid)
  // up ends by itself when all its children have
  t.teardown(() => pids.filter(isAlive).forEach((pid) => process.kill(pid, 'SIGKILL')))
  shell.kill('SIGTERM')
  await until('every process has ended', () => !pids.some(isAlive))
  await until('cleanly', async () => (await listedProcesses(data)).every(({ state }) => state === 'stopped'))
  t.pass('nothing is left behind')
})

t.test('up in the middle of its start can be stopped', async (t) => {
  const data = join(testFolder(t), 'data')
  const up = new PeerbinProcess(['up', '--data', data, '--port', '0'])
  await up.until('processes were started', () =>
    listedProcesses(data).then(
      (list) => list.length === 5,
      () => false
    )
  )
  const pids = (await listedProcesses(data)).map(({ pid }) => pid)
  t.equal((await up.stop()).code, 0)
  t.notOk(pids.some(isAlive))
})
