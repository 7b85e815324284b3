import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { PeerbinProcess, runPeerbin, startUp } from '../kit/processes.ts'
import { until } from '../kit/until.ts'
import { testFolder } from '../kit/test-folder.ts'

// six processes start several times, on a machine that may be busy
t.setTimeout(400_000)

const activeNodes = async (url: string): Promise<number> => {
  const answer = await fetch(`${url}/active-nodes`)
  return ((await answer.json()) as { nodes: unknown[] }).nodes.length
}

t.test('a node in another folder joins a running cluster with the join string alone', async (t) => {
  const folder = testFolder(t)
  const data = join(folder, 'data')
  const { up, url } = await startUp(data, ['--nodes', '2'])
  t.teardown(() => up.stop())
  const listed = await readFile(join(data, 'cluster.json'), 'utf8')

  const init = await runPeerbin(['init', '--data', data])
  t.equal(init.code, 0)
  t.match(init.stdout, /^peerbin1_[\w-]+\n$/, 'the join string of a cluster that `up` made')
  t.equal(
    (await runPeerbin(['init'], { env: { PEERBIN_DATA: data } })).stdout,
    init.stdout,
    'asked again, the same'
  )

  const elsewhere = join(folder, 'elsewhere')
  const joined = new PeerbinProcess(['node', '--data', elsewhere], {
    env: { PEERBIN_JOIN: init.stdout.trim() }
  })
  t.teardown(() => joined.stop())
  await joined.until('its ready line', () => joined.stdout.includes('\n'))
  t.match(
    joined.stdout,
    /^peerbin node is ready: 12D3KooW\w+ \/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW\w+\n$/
  )
  await until('the edge counts three nodes', async () => (await activeNodes(url)) === 3)
  t.equal(await readFile(join(data, 'cluster.json'), 'utf8'), listed, 'nothing else was touched')
  t.same(await joined.stop(), { code: 0, signal: null })
  t.equal(joined.stdout.split(' ')[4], joined.stdout.split('/').at(-1)?.trim(), 'the line names the peer id')

  const again = new PeerbinProcess(['node', '--data', elsewhere])
  t.teardown(() => again.stop())
  await again.until('its ready line', () => again.stdout.includes('\n'))
  t.equal(
    again.stdout,
    joined.stdout,
    'the next start needs no join string, and is the same peer in the same place'
  )
  await again.stop()
  const second = await runPeerbin(['up', '--data', elsewhere, '--port', '0'])
  t.equal(second.code, 2)
  t.match(second.stderr, /has its data elsewhere/, 'a second controller is not started by mistake')
  t.match(up.stderr, /^peerbin: there is no administrator yet[^\n]*\n$/, 'and nothing else')
})

t.test('a cluster of single processes: init, controller, nodes, edge', async (t) => {
  const folder = testFolder(t)
  const home = join(folder, 'home')
  const init = await runPeerbin(['init', '--data', home])
  t.match(init.stderr, /made a cluster/)
  const joinFile = join(folder, 'join.txt')
  await writeFile(joinFile, init.stdout)
  const start = (...args: string[]): PeerbinProcess => {
    const running = new PeerbinProcess(args)
    t.teardown(() => running.stop())
    return running
  }
  const edge = start('edge', '--data', home, '--port', '0')
  const nodes = ['a', 'b'].map((name) => start('node', '--data', join(folder, name), '--join-file', joinFile))
  const controller = start('controller', '--data', home)
  for (const member of [edge, ...nodes, controller])
    await member.until('its ready line', () => member.stdout.includes('\n'))
  const url = /http:\S+/.exec(edge.stdout)?.[0] ?? ''
  await until('an upload would be taken', async () => (await fetch(`${url}/readyz`)).status === 200)
  const link = await runPeerbin(['push', '--server', url, joinFile])
  t.equal(link.code, 0, link.stderr)
  t.equal((await runPeerbin(['pull', link.stdout.trim(), '-o', '-'])).stdout, init.stdout)

  const up = await runPeerbin(['up', '--data', home, '--port', '0'])
  t.same([up.code, up.stdout], [7, ''], '`up` does not start where single processes run')
  t.match(up.stderr, /\(data-in-use\)/)
  const twice = await runPeerbin(['node', '--data', join(folder, 'a')])
  t.match(twice.stderr, /\(data-in-use\)/, 'nor does a second node on a folder')
  t.equal((await runPeerbin(['init', '--data', home])).stdout, init.stdout, 'the join string is what it was')
})

t.test('a join string that cannot be right is refused with a reason', async (t) => {
  const folder = testFolder(t)
  const [one, two] = await Promise.all(
    ['one', 'two'].map((name) => runPeerbin(['init', '--data', join(folder, name)]))
  )
  const key = one?.stdout.trim() ?? ''
  for (const [args, text] of [
    [['node', '--data', join(folder, 'new')], /give --join/],
    [['node', '--data', join(folder, 'new'), '--join', 'nonsense'], /begins with peerbin1_/],
    [['node', '--data', join(folder, 'new'), '--join', key.slice(0, -6)], /damaged/],
    [
      ['node', '--data', join(folder, 'one'), '--join', two?.stdout.trim() ?? ''],
      /belongs to another cluster/
    ],
    [['controller', '--data', join(folder, 'new'), '--join', key], /has its data elsewhere/]
  ] as const) {
    const result = await runPeerbin(args)
    t.equal(result.code, 2, result.stderr)
    t.match(result.stderr, text)
    t.match(result.stderr, /^peerbin: .* \(join-string-invalid\)\n$/)
    t.notOk(result.stderr.includes(key), 'and is never repeated')
  }
})
