/**
 * `node bench/socket.ts [--rounds 5] [--mb 200] [--clients 1]`: how fast files go up over the socket, against the same bytes by PUT and by tus, in turn and in one cluster of real processes on this
 * machine. What is told is the ratio: it stays when the machine is busy with other things.
 */

import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { WebSocket } from 'ws'
import { inParallel, settled } from './clients.ts'
import { startCluster } from './processes.ts'

const MB = 1e6

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    mb: { type: 'string', default: '200' },
    clients: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false }
  }
})
if (values.help) {
  console.log('socket [--rounds 5] [--mb 200: of a file] [--clients 1: files at once]')
  process.exit(0)
}
const clients = Number(values.clients)
const size = Number(values.mb) * MB

interface Answer {
  readonly type: string
  readonly [field: string]: unknown
}

/** The same bytes at once would be stored once: each file has its own. */
const bytesOf = (): Buffer => randomBytes(size)

async function put(url: string, _token: string, bytes: Buffer): Promise<void> {
  const answer = await fetch(`${url}/bench.bin`, { method: 'PUT', body: new Uint8Array(bytes) })
  if (answer.status !== 201) throw new Error(`PUT was answered ${answer.status}: ${await answer.text()}`)
  await answer.text()
}

async function tus(url: string, token: string, bytes: Buffer): Promise<void> {
  const headers = { 'tus-resumable': '1.0.0', authorization: `Bearer ${token}` }
  const path = Buffer.from(`bench/${crypto.randomUUID()}`).toString('base64')
  const created = await fetch(`${url}/files/`, {
    method: 'POST',
    headers: { ...headers, 'upload-length': String(size), 'upload-metadata': `path ${path}` }
  })
  const answer = await fetch(created.headers.get('location') ?? '', {
    method: 'PATCH',
    headers: { ...headers, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' },
    body: new Uint8Array(bytes)
  })
  if (answer.status !== 204) throw new Error(`PATCH was answered ${answer.status}: ${await answer.text()}`)
}

async function overSocket(url: string, token: string, bytes: Buffer): Promise<void> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, 'peerbin.v1', { perMessageDeflate: false })
  let acknowledged = 0
  let wake = (): void => undefined
  const answers = new Map<string, (answer: Answer) => void>()
  socket.on('message', (data: Buffer) => {
    const answer = JSON.parse(data.toString()) as Answer
    if (answer.type === 'error') throw new Error(data.toString())
    if (answer.type === 'ack') acknowledged = Number(answer['offset'])
    answers.get(String(answer['re']))?.(answer)
    wake()
  })
  await new Promise((resolve) => void socket.once('open', resolve))
  const ask = async (message: object, id: string): Promise<Answer> =>
    await new Promise((resolve) => {
      answers.set(id, resolve)
      socket.send(JSON.stringify({ id, ...message }))
    })
  await ask({ type: 'connect', token, events: false }, 'connect')
  const path = `bench/${crypto.randomUUID()}`
  const transfer = await ask({ type: 'start-transfer', path, size }, 'start')
  const channel = Number(transfer['channel'])
  const piece = Number(transfer['chunk_bytes_max'])
  const window = Number(transfer['window_bytes'])
  for (let at = 0; at < size; at += piece) {
    while (at + piece - acknowledged > window) await new Promise<void>((resolve) => void (wake = resolve))
    const frame = Buffer.allocUnsafe(13 + Math.min(piece, size - at))
    frame.writeUInt8(1, 0)
    frame.writeUInt32BE(channel, 1)
    frame.writeBigUInt64BE(BigInt(at), 5)
    bytes.copy(frame, 13, at, at + piece)
    await new Promise<void>((resolve) => {
      socket.send(frame, () => resolve())
    })
  }
  await ask({ type: 'complete-upload', channel }, 'complete')
  socket.close()
}

const WAYS = { put, tus, socket: overSocket }
type Way = keyof typeof WAYS

const cluster = await startCluster([
  'edge.uploadBytesMax=10000000000',
  'log.level=error',
  'account.registration=open'
])
try {
  const { url } = cluster
  const registered = await fetch(`${url}/api/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'bench', password: 'correct horse battery' })
  })
  const { access_token: token } = (await registered.json()) as { access_token: string }
  const rates: Record<Way, number[]> = { put: [], tus: [], socket: [] }
  for (let i = 0; i < Number(values.rounds); i++) {
    const ways = Object.keys(WAYS) as Way[]
    // each is first, second and last in turn
    for (const way of [...ways.slice(i % ways.length), ...ways.slice(0, i % ways.length)]) {
      const files = Array.from({ length: clients }, bytesOf)
      const startedAt = performance.now()
      await inParallel(clients, clients, async (index) => {
        await WAYS[way](url, token, files[index] ?? Buffer.alloc(0))
      })
      const seconds = (performance.now() - startedAt) / 1000
      rates[way].push((clients * size) / MB / seconds)
      await settled(url)
    }
    process.stderr.write(`round ${i + 1} of ${values.rounds}\n`)
  }
  const median = (numbers: readonly number[]): number =>
    numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
  console.table(
    Object.entries(rates).map(([way, each]) => ({
      way,
      'MB/s': Math.round(median(each)),
      'of PUT': Number((median(each) / median(rates.put)).toFixed(2))
    }))
  )
} finally {
  await cluster.stop()
}
