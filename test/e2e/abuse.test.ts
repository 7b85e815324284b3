/**
 * slowhttptest, tens of thousands of tiny ranges and a thousand idle connections against a real edge, while an honest client shares a file. In each mode he has to be
 * served within HONEST_MS; how long it took is told beside how long it takes without an attack.
 */

import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import { startUp } from '../kit/processes.ts'
import type { UpCluster } from '../kit/processes.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'

t.setTimeout(600_000)

const CONNECTIONS = 300
const ATTACK_S = 12
const HONEST_BYTES = 2_000_000
/** Upload and download together, on a machine that is busy with the attack and with other tests: served late is served, kept out is not. */
const HONEST_MS = 120_000
/** Requests for ranges under way at once. They and the honest client share one process. */
const FLOODS = 24

const isMissing = spawnSync('slowhttptest', ['-h']).error !== undefined
const skip =
  isMissing && process.env['CI'] === undefined
    ? 'slowhttptest is not installed: scripts/install-test-packages.sh installs it'
    : false

interface Shared {
  url: string
  directUrl: string
}

async function share(url: string, bytes: Uint8Array, headers: Record<string, string> = {}): Promise<Shared> {
  const answer = await fetch(`${url}/shared.bin`, {
    method: 'PUT',
    body: new Uint8Array(bytes),
    headers: { accept: 'application/json', ...headers }
  })
  const text = await answer.text()
  if (answer.status !== 201) throw new Error(`the upload was answered ${answer.status}: ${text}`)
  return JSON.parse(text) as Shared
}

/** Uploads and downloads a file; answers how long that took, in ms. */
async function honest(url: string): Promise<number> {
  const bytes = randomBytes(HONEST_BYTES)
  const began = performance.now()
  const { directUrl } = await share(url, bytes)
  const answer = await fetch(directUrl)
  if (!bytes.equals(Buffer.from(await answer.arrayBuffer()))) throw new Error('other bytes came back')
  return performance.now() - began
}

/** Runs slowhttptest until the honest client is through, at least until all its connections are made. */
async function attacked(url: string, args: readonly string[]): Promise<number> {
  const attack = spawn(
    'slowhttptest',
    [...args, '-c', String(CONNECTIONS), '-r', '400', '-l', String(ATTACK_S), '-p', '10'],
    { stdio: ['ignore', 'pipe', 'pipe'] }
  )
  const ended = new Promise<void>((resolve) => attack.once('close', () => resolve()))
  let output = ''
  for (const stream of [attack.stdout, attack.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-20_000)))
  try {
    // it repeats its counts every five seconds, in colours
    await until('the attack is under way', () => /(?:connected|pending|closed):\D*[1-9]/.test(output), 60_000)
    return await honest(url)
  } finally {
    attack.kill('SIGINT')
    await ended
  }
}

/** Options of slowhttptest, with blanks between them. */
const MODES: ReadonlyArray<{ name: string; options: (cluster: UpCluster, links: Shared) => string }> = [
  { name: 'slow headers (-H)', options: ({ url }) => `-H -u ${url}/ -i 2 -x 24` },
  {
    name: 'slow bodies (-B)',
    options: ({ url }) => `-B -u ${url}/slow.bin -t PUT -s 5000000 -i 1 -x 1024`
  },
  {
    name: 'slow readers (-X)',
    options: (_cluster, links) => `-X -u ${claimUrl(links)} -t GET -m */* -w 512 -y 1024 -n 1 -z 512 -k 1`
  },
  {
    name: 'overlapping ranges (-R)',
    options: (_cluster, links) => `-R -u ${claimUrl(links)} -t GET -m */* -a 5 -b 500`
  }
]

const claimUrl = ({ directUrl }: Shared): string => `${directUrl}?claim=${'c'.repeat(43)}`

t.test('an honest client is served while others are slow or many', { skip }, async (t) => {
  const settings = [
    'edge.headersMs=5000',
    // who lives is no question here
    'heartbeat.intervalMs=3000',
    'heartbeat.suspectAfterMs=15000',
    'edge.memoryBytes=64MB',
    // the reader of -X is many: no limit of claims or addresses may be what saves us
    'link.connectionsMax=1000',
    'link.budgetFactor=100'
  ]
  const cluster = await startUp(
    testFolder(t),
    settings.flatMap((setting) => ['--set', setting])
  )
  t.teardown(() => cluster.up.stop())
  const { url } = cluster
  const alone = await honest(url)
  t.comment(`without an attack: ${Math.round(alone)} ms`)
  for (const { name, options } of MODES) {
    await t.test(name, async (t) => {
      const links = await share(url, randomBytes(10_000_000))
      const took = await attacked(url, options(cluster, links).split(' '))
      t.comment(`${Math.round(took)} ms`)
      t.ok(took < HONEST_MS, `served within ${HONEST_MS} ms`)
    })
  }

  await t.test('tiny ranges of one claim', async (t) => {
    const { directUrl } = await share(url, randomBytes(10_000_000))
    const claimed = `${directUrl}?claim=${'g'.repeat(43)}`
    let stopped = false
    let asked = 0
    const flood = async (): Promise<void> => {
      while (!stopped) {
        const at = (asked++ * 7919) % 9_999_990
        const answer = await fetch(claimed, { headers: { range: `bytes=${at}-${at + 1}` } })
        await answer.arrayBuffer()
      }
    }
    const flooding = Promise.all(Array.from({ length: FLOODS }, flood))
    const took = await honest(url).finally(() => (stopped = true))
    await flooding
    t.comment(`${Math.round(took)} ms beside ${asked} ranges`)
    t.ok(asked > FLOODS)
    t.ok(took < HONEST_MS)
  })

  await t.test('a thousand idle connections', async (t) => {
    const { hostname, port } = new URL(url)
    const idle: Socket[] = []
    let open = 0
    for (let i = 0; i < 1000; i++) {
      const socket = connect(Number(port), hostname)
      socket.on('connect', () => open++).on('close', () => open--)
      socket.on('error', () => undefined)
      idle.push(socket.resume())
    }
    t.teardown(() => {
      for (const socket of idle) socket.destroy()
    })
    await until('all are open', () => open === 1000)
    const took = await honest(url)
    t.comment(`${Math.round(took)} ms`)
    t.ok(took < HONEST_MS)
    await until('the edge closes what never says anything', () => open === 0, 60_000)
  })
})
