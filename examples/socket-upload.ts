/**
 * A file goes up over the socket, with nothing but the WebSocket that browsers and Node have: the line is lost in the middle, and the upload goes on at another edge.
 *
 * Run it: `node examples/socket-upload.ts` (Node 24). `Gateway` and `send` are what a program of your own needs; docs/socket.md has every message.
 */

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createCluster } from '../src/index.ts'

interface Answer {
  readonly type: string
  readonly [field: string]: unknown
}

/** One socket; answers are found by the id of the question. */
class Gateway {
  readonly #socket: WebSocket
  readonly #waiting = new Map<string, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>()
  #ids = 0
  /** Told of acknowledgements. */
  onAck = (_offset: number): void => undefined

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(String(data)) as Answer))
    socket.addEventListener('close', ({ code }) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the socket was closed: ${code}`))
    })
  }

  static async connect(edge: string, token: string): Promise<Gateway> {
    const socket = new WebSocket(`${edge.replace(/^http/, 'ws')}/ws`, 'peerbin.v1')
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true })
      socket.addEventListener('error', () => reject(new Error('no socket could be opened')), { once: true })
    })
    const gateway = new Gateway(socket)
    await gateway.ask({ type: 'connect', token, events: false })
    return gateway
  }

  async ask(message: { type: string; [field: string]: unknown }): Promise<Answer> {
    const id = String(++this.#ids)
    return await new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#socket.send(JSON.stringify({ id, ...message }))
    })
  }

  /** Bytes of a file: version, channel and offset, then the bytes. */
  write(channel: number, offset: number, bytes: Uint8Array): void {
    const frame = new Uint8Array(13 + bytes.byteLength)
    const head = new DataView(frame.buffer)
    head.setUint8(0, 1)
    head.setUint32(1, channel)
    head.setBigUint64(5, BigInt(offset))
    frame.set(bytes, 13)
    this.#socket.send(frame)
  }

  close(): void {
    this.#socket.close()
  }

  #take(answer: Answer): void {
    if (answer.type === 'ack') this.onAck(Number(answer['offset']))
    const waiting = this.#waiting.get(String(answer['re']))
    this.#waiting.delete(String(answer['re']))
    if (answer.type === 'error')
      waiting?.reject(new Error(`${String(answer['code'])}: ${String(answer['error'])}`))
    else waiting?.resolve(answer)
  }
}

/** Sends `bytes` from where the transfer stands, never more than the window ahead of what was acknowledged. @param stopAt as if the line were lost there */
async function send(gateway: Gateway, transfer: Answer, bytes: Uint8Array, stopAt = Infinity): Promise<void> {
  const channel = Number(transfer['channel'])
  const pieceBytes = Number(transfer['chunk_bytes_max'])
  const windowBytes = Number(transfer['window_bytes'])
  let acknowledged = Number(transfer['offset'])
  let wake = (): void => undefined
  gateway.onAck = (offset) => {
    acknowledged = offset
    wake()
  }
  for (let at = acknowledged; at < Math.min(bytes.byteLength, stopAt); at += pieceBytes) {
    while (at + pieceBytes - acknowledged > windowBytes)
      await new Promise<void>((resolve) => void (wake = () => resolve()))
    gateway.write(channel, at, bytes.subarray(at, at + pieceBytes))
  }
  if (stopAt === Infinity) return
  while (acknowledged === 0) await new Promise<void>((resolve) => void (wake = () => resolve()))
}

const cluster = await createCluster({ nodes: 3, edges: 2, config: { edge: { port: 0 } } })
await cluster.start()
try {
  const [first = '', second = ''] = cluster.edges.map(({ url }) => url)
  const registered = await fetch(`${first}/api/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'ann', password: 'correct horse battery' })
  })
  const { access_token: token } = (await registered.json()) as { access_token: string }

  const film = randomBytes(9_000_000)
  const sha256 = createHash('sha256').update(film).digest('hex')
  const gateway = await Gateway.connect(first, token)
  const begun = await gateway.ask({
    type: 'start-transfer',
    path: 'films/one.mp4',
    size: film.byteLength,
    sha256
  })
  await send(gateway, begun, film, 5_000_000)
  gateway.close()
  console.log('the line was lost in the middle of the file')

  const other = await Gateway.connect(second, token)
  const resumed = await other.ask({ type: 'start-transfer', resume: begun['transfer'] })
  console.log(`the other edge goes on after ${Number(resumed['offset'])} bytes`)
  assert.ok(Number(resumed['offset']) > 0)
  await send(other, resumed, film)
  const completed = await other.ask({ type: 'complete-upload', channel: resumed['channel'] })
  other.close()
  assert.equal(completed['sha256'], sha256)

  const download = await fetch(`${first}/api/files/download/${String(completed['file_id'])}`, {
    headers: { authorization: `Bearer ${token}` }
  })
  assert.deepEqual(Buffer.from(await download.arrayBuffer()), film)
  console.log('version 1 of films/one.mp4 was stored, and has the same bytes')
} finally {
  await cluster.stop()
}
