/**
 * `node bench/pools.ts [--listeners 5000] [--fetchers 500] [--mb 10]`: one result of a pool, told to thousands over sockets to two edges, and fetched by hundreds of them at once. Controller,
 * three nodes, two edges and the clients have processes of their own, on this machine; everything goes over TCP, and what is stored is synced.
 *
 * Times of events are counted from the moment at which the server was told that its result is safe; an event may be there before that. `ulimit -n` has to be twice the listeners.
 */

import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { WebSocket } from 'ws'
import { createController, createEdge, createNode } from '../src/index.ts'
import { MemoryGovernor } from '../src/runtime/memory-governor.ts'
import { inParallel, percentile } from './clients.ts'
import { fetchAll } from './pool-fetch.ts'
import type { Fetched } from './pool-fetch.ts'

const { values } = parseArgs({
  options: {
    listeners: { type: 'string', default: '5000' },
    fetchers: { type: 'string', default: '500' },
    mb: { type: 'string', default: '10' },
    as: { type: 'string' },
    data: { type: 'string' }
  }
})

const NODES = 3
const EDGES = 2
const AT_ONCE = 100
const GOVERNED_MS = 50

/** All clients have one address here, and are no more than limits allow elsewhere. */
const CONFIG = {
  account: { registrationsPerAddress: 0, signInsPerMinute: 0 },
  edge: { port: 0, ratePerMinute: 10_000_000, connectionsPerAddress: 20_000 },
  socket: { connectionsPerAddress: 20_000 },
  anonymous: { downloadsAtOnce: 20_000 }
}

interface Told {
  readonly at: number
  readonly subject: string
}
/** What a client process is told; it answers each with a list. */
type Order =
  | { do: 'listen'; url: string; pool: string; tokens: string[] }
  | { do: 'told' }
  | { do: 'fetch'; url: string; path: string; tokens: string[]; sha256: string }

async function listener(url: string, token: string, pool: string, told: Told[]): Promise<void> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, 'peerbin.v1', { perMessageDeflate: false })
  const ready = Promise.withResolvers<void>()
  socket.on('error', ready.reject)
  socket.on('close', (code, reason) => {
    console.error(`a socket was closed: ${code} ${reason.toString()}`)
    ready.reject(new Error('a socket was closed'))
  })
  socket.on('message', (data: Buffer) => {
    const at = Date.now()
    const message = JSON.parse(data.toString()) as {
      type: string
      event?: { type: string; subject: string }
    }
    const { type, event } = message
    if (type === 'error' || type === 'unsubscribed') ready.reject(new Error(data.toString()))
    if (type === 'connected') socket.send(JSON.stringify({ type: 'subscribe', id: '2', pool }))
    if (type === 'subscribed') ready.resolve()
    if (event?.type === 'group.done') told.push({ at, subject: event.subject })
  })
  socket.on('open', () => socket.send(JSON.stringify({ type: 'connect', id: '1', token, events: false })))
  await ready.promise
}

function client(): void {
  const told: Told[] = []
  const work = async (order: Order): Promise<unknown[]> => {
    if (order.do === 'told') return told
    const { url, tokens } = order
    if (order.do === 'fetch')
      return await Promise.all(
        tokens.map(async (token) => await fetchAll(`${url}${order.path}`, token, order.sha256))
      )
    await inParallel(AT_ONCE, tokens.length, async (index) => {
      await listener(url, tokens[index] ?? '', order.pool, told)
    })
    return []
  }
  process.on('message', (order: Order) => {
    void work(order).then(
      (answer) => process.send?.(answer),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      }
    )
  })
}

/** Tells what others need of it: its join string, or its address. */
async function daemon(as: 'controller' | 'node' | 'edge', data: string): Promise<void> {
  const options = { data, config: CONFIG, ...(as !== 'controller' && { join: process.env['BENCH_JOIN'] }) }
  if (as === 'controller') {
    const controller = await createController(options)
    await controller.start()
    process.send?.(controller.joinString)
    return
  }
  const running = as === 'node' ? await createNode(options) : await createEdge(options)
  await running.start()
  // as the command line has it
  const governor = new MemoryGovernor()
  setInterval(() => void governor.step(), GOVERNED_MS)
  process.send?.('url' in running ? running.url : 'ready')
}

const children: ChildProcess[] = []

function child(as: string, data = '', env: Record<string, string> = {}): ChildProcess {
  const made = fork(fileURLToPath(import.meta.url), ['--as', as, '--data', data], {
    env: { ...process.env, ...env }
  })
  children.push(made)
  return made
}

async function heard<T>(of: ChildProcess): Promise<T> {
  const [answer] = (await once(of, 'message')) as [T]
  return answer
}

async function ask<T>(of: ChildProcess, order: Order): Promise<T[]> {
  of.send(order)
  return await heard<T[]>(of)
}

interface Asked {
  readonly token?: string | undefined
  readonly json?: unknown
  readonly bytes?: Uint8Array
}

async function api(
  url: string,
  what: string,
  { token, json, bytes }: Asked = {}
): Promise<Record<string, unknown>> {
  const [method = 'GET', path = ''] = what.split(' ')
  const type = json === undefined ? 'application/octet-stream' : 'application/json'
  const body = json === undefined ? bytes && new Uint8Array(bytes) : JSON.stringify(json)
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': type })
    },
    ...(body !== undefined && { body })
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${what}: ${answer.status} ${text}`)
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

const MB = 1e6
/** Of proc(5), in MB. */
const memoryOf = (pid: number | undefined, name: 'VmHWM' | 'RssAnon'): number =>
  Math.round(
    Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) /
      1000
  )

const fetchedChunks = async (url: string): Promise<number> => {
  const { edge } = (await api(url, 'GET /status')) as { edge: { chunks: { fetched: number } } }
  return edge.chunks.fetched
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
const spread = (all: readonly number[]): string =>
  `p50 ${seconds(percentile([...all], 0.5))}, p99 ${seconds(percentile([...all], 0.99))}, max ${seconds(Math.max(...all))}`

interface Cluster {
  readonly urls: string[]
  readonly edges: ChildProcess[]
}

async function startCluster(folder: string): Promise<Cluster> {
  const BENCH_JOIN = await heard<string>(child('controller', join(folder, 'controller')))
  for (let i = 0; i < NODES; i++) await heard(child('node', join(folder, `node-${i}`), { BENCH_JOIN }))
  const edges = Array.from({ length: EDGES }, (_, i) =>
    child('edge', join(folder, `edge-${i}`), { BENCH_JOIN })
  )
  const urls = await Promise.all(edges.map(async (each) => await heard<string>(each)))
  for (const url of urls) while (!(await fetch(`${url}/readyz`)).ok) await pause(100)
  return { urls, edges }
}

/** Programs that have joined by a key. @returns their tokens */
async function joinAll(urls: readonly string[], key: unknown, count: number): Promise<string[]> {
  const tokens: string[] = []
  await inParallel(2 * AT_ONCE, count, async (i) => {
    const { token } = await api(urls[i % urls.length] ?? '', 'POST /api/pools/join', { json: { key } })
    tokens[i] = String(token)
  })
  return tokens
}

async function main(): Promise<void> {
  const [listeners, fetchers, mb] = [values.listeners, values.fetchers, values.mb].map(Number) as [
    number,
    number,
    number
  ]
  const folder = await mkdtemp(join(tmpdir(), 'peerbin-bench-pools-'))
  try {
    const { urls, edges } = await startCluster(folder)
    const [url = ''] = urls
    const person = { username: 'owner', password: 'correct horse battery' }
    const { access_token } = await api(url, 'POST /api/register', { json: person })
    const owner = String(access_token)
    const made = await api(url, 'POST /api/pools', { token: owner, json: { name: 'rounds' } })
    const path = `/api/pools/${String(made['pool'])}`
    const keyFor = async (role: string): Promise<unknown> =>
      (await api(url, `POST ${path}/join-keys`, { token: owner, json: { role } }))['key']
    const [producer = '', server = ''] = await Promise.all(
      ['producer', 'server'].map(async (role) => (await joinAll(urls, await keyFor(role), 1))[0])
    )
    const joining = performance.now()
    const tokens = await joinAll(urls, await keyFor('listener'), listeners)
    console.log(`${listeners} programs have joined in ${seconds(performance.now() - joining)}`)

    // each client has its edge, and its half of the listeners
    const clients = urls.map((of, i) => ({
      url: of,
      process: child('client'),
      tokens: tokens.filter((_, index) => index % urls.length === i)
    }))
    const connecting = performance.now()
    await Promise.all(
      clients.map(async (each) => {
        const order = { url: each.url, pool: String(made['pool']), tokens: each.tokens }
        await ask(each.process, { do: 'listen', ...order })
      })
    )
    const memory = edges.map(({ pid }) => `${memoryOf(pid, 'RssAnon')} MB`).join(', ')
    console.log(
      `${listeners} sockets have subscribed in ${seconds(performance.now() - connecting)}; edges: ${memory}`
    )

    const file = randomBytes(1000)
    const named = { name: 'a', timestamp: Date.now(), size: file.length, sha256: sha256Of(file) }
    const batch = randomUUID()
    const sending = { batch, client_time: Date.now(), files: [named] }
    await api(url, `POST ${path}/batches`, { token: producer, json: sending })
    await api(url, `PUT ${path}/batches/${batch}/files/0`, { token: producer, bytes: file })
    await api(url, `POST ${path}/batches/${batch}/commit`, { token: producer })
    const { groups } = (await api(url, `GET ${path}/groups`, { token: owner })) as {
      groups: Array<{ group: string }>
    }
    const group = groups[0]?.group ?? ''
    await api(url, `POST ${path}/groups/${group}/close`, { token: owner })
    const { fence } = await api(url, `POST ${path}/work?wait=10`, { token: server })
    const result = randomBytes(mb * MB)
    const before = await Promise.all(urls.map(fetchedChunks))
    await api(url, `PUT ${path}/groups/${group}/result?fence=${String(fence)}`, {
      token: server,
      bytes: result
    })
    const acknowledgedAt = Date.now()
    let told: Told[] = []
    for (
      const endsAt = acknowledgedAt + 30_000;
      told.length < listeners && Date.now() < endsAt;
      await pause(200)
    )
      told = (
        await Promise.all(clients.map(async (each) => await ask<Told>(each.process, { do: 'told' })))
      ).flat()
    const delays = told.map(({ at }) => at - acknowledgedAt)
    console.log(
      `one result: ${told.length} of ${listeners} were told, after its acknowledgement: ${spread(delays)}, first ${seconds(Math.min(...delays))}`
    )

    const fetching = performance.now()
    const fetched = (
      await Promise.all(
        clients.map(async (each) => {
          const some = each.tokens.slice(0, fetchers / urls.length)
          const order = { url: each.url, path: `${path}/groups/${group}/result`, tokens: some }
          return await ask<Fetched>(each.process, { do: 'fetch', ...order, sha256: sha256Of(result) })
        })
      )
    ).flat()
    const took = performance.now() - fetching
    const chunks = await Promise.all(urls.map(fetchedChunks))
    const failures = fetched.map(({ failure }) => failure).filter((failure) => failure !== '')
    const passing = fetched.flatMap((each) => each.passing)
    for (const why of new Set(passing))
      console.log(`asked again ${passing.filter((each) => each === why).length} times: ${why}`)
    console.log(
      `${fetched.length} fetched ${mb} MB at once: ${failures.length} failures, ${seconds(took)}, ` +
        `${Math.round((fetched.length * mb) / (took / 1000))} MB/s; each: ${spread(fetched.map(({ ms }) => ms))}`
    )
    for (const [i, { pid }] of edges.entries())
      console.log(
        `edge ${i}: read ${(chunks[i] ?? 0) - (before[i] ?? 0)} chunks from nodes (the result has ${Math.ceil((mb * MB) / 4_194_304)}); ` +
          `resident at most ${memoryOf(pid, 'VmHWM')} MB, anonymous now ${memoryOf(pid, 'RssAnon')} MB`
      )
  } finally {
    // in the order in which nobody waits for anybody: edges and nodes before the controller
    for (const each of children.toReversed()) {
      const gone = once(each, 'exit')
      each.kill('SIGKILL')
      await gone
    }
    await rm(folder, { recursive: true, force: true })
  }
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const { as, data = '' } = values
if (as === 'client') client()
else if (as === 'controller' || as === 'node' || as === 'edge') await daemon(as, data)
else await main()
if (as !== undefined) process.once('disconnect', () => process.exit(0))
