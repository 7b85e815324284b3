/**
 * Federated averaging: 20 clients train a model on measurements that they keep to themselves, a server averages what they send, three rounds long. One client is offline most of the time, and meanwhile nodes, an edge, the
 * controller, a client and the server are killed. Every client ends with the same model, which is the right one.
 *
 * Run it: `npm run example:federated-averaging` (Node 24). It starts a cluster of its own in a temporary folder, on this machine only, and leaves nothing behind.
 */

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PoolClient } from '../../src/pool-client/index.ts'
import type { GroupAnswer } from '../../src/pool-client/index.ts'
import { CLIENTS, expected, ROUNDS, WINDOW_MS } from './model.ts'
import { Cluster, Running, until } from './processes.ts'

const startedAt = performance.now()
const say = (text: string): void =>
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${text}`)

async function post(url: string, body: unknown, token?: string): Promise<Record<string, unknown>> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` })
    },
    body: JSON.stringify(body)
  })
  const record = (await answer.json()) as Record<string, unknown>
  if (!answer.ok) throw new Error(`${url}: ${JSON.stringify(record)}`)
  return record
}

/** The owner's part: an account, the pool, and keys to join it. */
async function makePool(
  edge: string
): Promise<{ owner: string; pool: string; keys: Record<string, string> }> {
  const account = { username: 'ada', password: 'correct horse battery' }
  const owner = String((await post(`${edge}/api/register`, account))['access_token'])
  // a round is over when all have sent; should somebody be away for good, at the end of its window
  const settings = {
    frequency_s: WINDOW_MS / 1000,
    tolerance_s: 3600,
    close_at_producers: CLIENTS,
    lease_s: 5,
    attempts_max: 20
  }
  const pool = String((await post(`${edge}/api/pools`, { name: 'averaging', settings }, owner))['pool'])
  const keys: Record<string, string> = {}
  for (const role of ['producer', 'server'])
    keys[role] = String((await post(`${edge}/api/pools/${pool}/join-keys`, { role }, owner))['key'])
  return { owner, pool, keys }
}

const folder = await mkdtemp(join(tmpdir(), 'peerbin-averaging-'))
const cluster = new Cluster(folder)
const started: Running[] = []
async function stopAll(): Promise<void> {
  await Promise.all(started.map((each) => each.kill()))
  await cluster.stop()
  await rm(folder, { recursive: true, force: true, maxRetries: 10 })
}
process.on('SIGINT', () => void stopAll().finally(() => process.exit(130)))

try {
  await cluster.start()
  const [edge = ''] = cluster.edges
  await until('uploads are taken', async () => (await fetch(`${edge}/readyz`)).ok)
  say('a controller, three nodes and two edges are ready')
  const { owner, pool, keys } = await makePool(edge)
  const watcher = new PoolClient({ server: cluster.edges, token: owner, pool })

  const join_ = async (role: string, name: string): Promise<string> => {
    const { token } = await PoolClient.join({ server: cluster.edges, key: keys[role] ?? '', name })
    return token ?? ''
  }
  const tokens: string[] = []
  for (let i = 1; i <= CLIENTS; i++) tokens.push(await join_('producer', `client-${i}`))
  const serverToken = await join_('server', 'averager')
  say(`${CLIENTS} clients and a server have joined`)

  // windows ahead, so that none ends in the middle of a round on a slow machine
  const base = (Math.floor(Date.now() / WINDOW_MS) + 10) * WINDOW_MS
  const common = { SERVERS: cluster.edges.join(','), POOL: pool, BASE: String(base) }
  const program = (name: string): string => join(import.meta.dirname, `${name}.ts`)
  const run = (name: string, file: string, env: Record<string, string>): Running => {
    const running = new Running(name, [program(file)], { ...common, ...env })
    started.push(running)
    return running
  }
  const client = (i: number, env: Record<string, string> = {}): Running =>
    run(`client-${i}`, 'client', {
      TOKEN: tokens[i - 1] ?? '',
      CLIENT: String(i),
      FOLDER: join(folder, `client-${i}`),
      ...env
    })
  const averager = (env: Record<string, string> = {}): Running =>
    run('averager', 'server', { TOKEN: serverToken, ...env })

  const groupOf = async (round: number): Promise<GroupAnswer | undefined> => {
    const from = new Date(base + round * WINDOW_MS).toISOString()
    for await (const group of watcher.groups({ from })) if (group.start === from && !group.late) return group
    return undefined
  }
  const sent = async (round: number, producers: number): Promise<void> =>
    await until(`${producers} clients have sent in round ${round + 1}`, async () => {
      return ((await groupOf(round))?.producers ?? 0) >= producers
    })
  const isDone = async (round: number): Promise<void> =>
    await until(`round ${round + 1} is done`, async () => (await groupOf(round))?.state === 'done')
  const restart = async (name: string): Promise<void> => {
    await cluster.kill(name)
    await cluster.run(name)
  }

  const last = CLIENTS
  const clients = Array.from({ length: CLIENTS - 1 }, (_, i) => client(i + 1))
  let server = averager({ SLOW: '1' })

  // the last client is offline: it trains and queues, and the round waits for it
  await client(last, { OFFLINE: '1' }).finish()
  await sent(0, 10)
  await Promise.all([restart('node-1'), clients[0]?.kill()])
  clients[0] = client(1)
  say('round 1: node-1 and client-1 were killed in the middle, and started again')
  await sent(0, CLIENTS - 1)
  let away = client(last)
  await server.until('has taken the group', () => server.output.includes('taken'))
  await server.kill()
  server = averager()
  say('round 1: the server was killed while it worked; another one takes the group when the lease is over')
  await isDone(0)
  await away.kill()
  say('round 1 is done; client 20 is offline again')

  await client(last, { OFFLINE: '1' }).finish()
  await Promise.all([sent(1, 10), restart('edge-1'), restart('node-2')])
  say('round 2: edge-1 and node-2 were killed in the middle, and started again')
  await sent(1, CLIENTS - 1)
  away = client(last)
  await isDone(1)
  await away.kill()
  say('round 2 is done; client 20 is offline again')

  await client(last, { OFFLINE: '1' }).finish()
  await sent(2, 5)
  await Promise.all([restart('controller'), restart('node-3')])
  say('round 3: the controller and node-3 were killed in the middle, and started again')
  await sent(2, CLIENTS - 1)
  clients.push(client(last))
  await isDone(2)
  say('round 3 is done')

  const models = await Promise.all(clients.map(async (each) => JSON.parse(await each.finish()) as unknown))
  for (const model of models) assert.deepEqual(model, expected())
  assert.equal(models.length, CLIENTS)
  await server.kill('SIGTERM')

  // no update was lost or counted twice: each group has one of each client
  for (let round = 0; round < ROUNDS; round++) {
    const group = await groupOf(round)
    assert.equal(group?.files, 2 * CLIENTS)
    assert.equal(group?.producers, CLIENTS)
  }
  const all: GroupAnswer[] = []
  for await (const group of watcher.groups()) all.push(group)
  assert.equal(all.length, ROUNDS, 'and there are no other groups')
  say(`all ${CLIENTS} clients have the same model after ${ROUNDS} rounds, and it is the right one:`)
  console.log(
    expected()
      .weights.map((weight) => weight.toFixed(4))
      .join('  ')
  )
} catch (error) {
  for (const { name, errors } of started) if (errors !== '') console.error(`${name}: ${errors}`)
  throw error
} finally {
  await stopAll()
}
