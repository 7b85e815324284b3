/** What a socket does not put up with: garbage, silence, too much at once, other sites, sessions that are over. */

import { once } from 'node:events'
import { request } from 'node:http'
import { connect as connectTcp } from 'node:net'
import t from 'tap'
import { WebSocket } from 'ws'
import { Channel } from '../../../src/edge/socket/channel.ts'
import { until } from '../../kit/until.ts'
import { api, newKey, register, signIn } from '../accounts/accounts-kit.ts'
import { sampleBytes, startEdges } from '../edge-cluster.ts'
import { stored } from '../files/files-kit.ts'
import { SocketClient, frameOf } from './socket-kit.ts'

const MIB = 1024 * 1024
const QUESTIONS = 400
/** Of a byte each. */
const FRAMES = 20_000

t.test('sockets that do not keep the rules', async (t) => {
  const edges = await startEdges(t, {
    edges: 1,
    config: {
      account: { signInsPerMinute: 0 },
      edge: { memoryBytes: 16 * MIB, memoryWaitMs: 60_000, stallMs: 60_000 },
      socket: {
        connectMs: 300,
        connectionsPerAddress: 8,
        stalledMs: 800,
        heartbeatMs: 60_000,
        windowBytes: 8 * MIB,
        connectionsPerUser: 4
      }
    }
  })
  const url = edges.url()
  const ann = await register(url, 'ann')
  const connect = async (fields: Record<string, unknown> = {}) =>
    await SocketClient.connect(url, ann.token, { events: false, ...fields })
  const start = async (client: SocketClient, path: string, size: number) => {
    const answer = await client.ask({ type: 'start-transfer', path, size })
    if (answer.type !== 'transfer') throw new Error(JSON.stringify(answer))
    return Number(answer['channel'])
  }

  await t.test('who it is comes first, and soon', async (t) => {
    const silent = await SocketClient.open(url)
    t.match(await silent.end(), { code: 4408, reason: 'socket-stalled' })
    const firsts: Array<[string, (client: SocketClient) => void]> = [
      ['another message', (client) => client.send({ type: 'alive' })],
      ['a connect with a field too many', (client) => client.send({ type: 'connect', token: 'x', a: 1 })],
      ['bytes of a file', (client) => client.socket.send(frameOf(1, 0, sampleBytes(10)))],
      ['no JSON', (client) => client.socket.send('{')],
      ['no object', (client) => client.socket.send('[1]')],
      [
        'a second message before the answer',
        (client) => {
          client.send({ type: 'connect', token: ann.token })
          client.send({ type: 'alive' })
        }
      ]
    ]
    for (const [what, say] of firsts) {
      const client = await SocketClient.open(url)
      say(client)
      t.match(await client.end(), { code: 4400, reason: 'bad-request' }, what)
    }
    for (const token of ['x', `${ann.token}x`, undefined, `pbk_${'A'.repeat(43)}`]) {
      const client = await SocketClient.open(url)
      client.send({ type: 'connect', id: 'c', token })
      const { code } = await client.end()
      t.equal(code, 4401)
      t.match(client.messages, [{ type: 'error', re: 'c', code: /^credentials-/, error: String }])
    }
    const byHeader = await SocketClient.open(url, { headers: { authorization: `Bearer ${ann.token}` } })
    t.match(await byHeader.ask({ type: 'connect' }), { type: 'connected', username: 'ann', role: 'user' })
    byHeader.cut()
  })

  await t.test('keys do what they may, and no more', async (t) => {
    const key = await newKey(url, ann.token, ['files:read'])
    const reader = await SocketClient.connect(url, key)
    t.match(await reader.ask({ type: 'start-transfer', path: 'a', size: 1 }), { code: 'permission-denied' })
    t.match(await reader.ask({ type: 'get-history' }), { code: 'permission-denied' })
    t.match(await reader.ask({ type: 'alive' }), { type: 'alive', now: /^\d{4}-/ })
    t.match(await reader.ask({ type: 'connect', token: ann.token }), { code: 'bad-request' })
    reader.cut()
  })

  await t.test('garbage closes it, and nothing else does', async (t) => {
    const garbage: Array<[string, Buffer | string, number]> = [
      ['a short frame', Buffer.alloc(13, 1), 4400],
      ['another version', frameOf(1, 0, sampleBytes(10), 2), 4400],
      ['an offset beyond all files', Buffer.alloc(20, 255).fill(1, 0, 1), 4400],
      ['a frame beyond the limit', frameOf(1, 0, Buffer.alloc(256 * 1024 + 1)), 1009],
      ['text that is no JSON', 'hello', 4400],
      ['a text beyond the limit', JSON.stringify({ type: 'alive', id: 'x'.repeat(140_000) }), 4400]
    ]
    for (const [what, data, code] of garbage) {
      const client = await connect()
      client.socket.send(data)
      t.equal((await client.end()).code, code, what)
    }
    const client = await connect()
    for (const message of [
      {},
      { type: 'fly' },
      { type: 'alive', wings: 2 },
      { type: 'complete-upload', channel: 'x' }
    ])
      t.match(await client.ask(message), { type: 'error', code: 'invalid-field' }, JSON.stringify(message))
    client.write(7, sampleBytes(10))
    t.match(await client.find(({ channel }) => channel === 7), { type: 'error', code: 'channel-unknown' })
    t.equal((await client.ask({ type: 'alive' })).type, 'alive')

    const offset = await start(client, 'offset.bin', 100)
    client.socket.send(frameOf(offset, 50, sampleBytes(10)))
    t.match(await client.find(({ channel, type }) => channel === offset && type === 'error'), {
      code: 'offset-mismatch',
      offset: 0
    })
    const more = await start(client, 'more.bin', 100)
    client.socket.send(frameOf(more, 0, sampleBytes(60)))
    client.socket.send(frameOf(more, 60, sampleBytes(60)))
    t.match(await client.find(({ channel, type }) => channel === more && type === 'error'), {
      code: 'too-large'
    })
    client.socket.send(frameOf(more, 60, sampleBytes(40)))
    t.match(await client.ask({ type: 'complete-upload', channel: more }), { code: 'channel-unknown' })
    client.cut()
  })

  await t.test('one that never reads is not written to without end, nor read', async (t) => {
    // answers that are long: 100 KB each
    const folder = `${'long/'.repeat(40)}${'x'.repeat(240)}/${'y'.repeat(240)}/${'z'.repeat(240)}`
    await Promise.all(
      Array.from(
        { length: 40 },
        async (_, i) => await stored(url, ann.token, sampleBytes(1), `${folder}/${i}`)
      )
    )
    const looking = await connect()
    await until('their history is there', async () => {
      const { records } = await looking.ask({ type: 'get-history', limit: 200 })
      return Array.isArray(records) && records.length >= 80
    })
    looking.cut()
    const controller = edges.edges[0]?.participant.controller
    if (controller === undefined) throw new Error('there is no edge')
    let asked = 0
    const call = controller.call.bind(controller)
    Object.assign(controller, {
      call: async (...args: Parameters<typeof call>) => {
        if (args[0] === 'listHistory') asked++
        return await call(...args)
      }
    })
    // what waits in this process to be sent, over all sockets: the edge's are among them
    let waiting = 0
    const send = Reflect.get(WebSocket.prototype, 'send') as (this: WebSocket, ...args: unknown[]) => void
    Object.assign(WebSocket.prototype, {
      send(this: WebSocket, ...args: unknown[]) {
        waiting = Math.max(waiting, this.bufferedAmount)
        send.apply(this, args)
      }
    })
    const client = await connect()
    client.socket.pause()
    // the kernel takes some megabytes of answers first
    for (let i = 0; i < QUESTIONS; i++) client.send({ type: 'get-history', id: `q${i}`, limit: 200 })
    let known = -1
    let since = 0
    await until('nothing more is read', () => {
      if (asked !== known) since = performance.now()
      known = asked
      return performance.now() - since > 1200
    })
    client.socket.resume()
    const { code } = await client.end()
    t.ok(code === 4408 || code === 1006, `${code}; whoever was cut off may not see why`)
    Object.assign(controller, { call })
    Object.assign(WebSocket.prototype, { send })
    t.ok(waiting < 4 * MIB, `${waiting} bytes waited for it`)
    t.ok(asked > 16 && asked < 200, `${asked} of ${QUESTIONS} questions were read`)
  })

  await t.test('no more is read than there is room for', async (t) => {
    const memory = edges.edges[0]?.memory
    if (memory === undefined) throw new Error('there is no edge')
    const client = await connect()
    const bytes = sampleBytes(40 * MIB)
    const channel = await start(client, 'window.bin', bytes.byteLength)
    // nothing goes on its way into the cluster
    const lease = await memory.acquire(memory.total)
    client.write(channel, bytes, 0, 256 * 1024)
    let left = 0
    let looks = 0
    await until('it stands still', () => {
      looks = client.socket.bufferedAmount === left ? looks + 1 : 0
      left = client.socket.bufferedAmount
      return looks > 20
    })
    const taken = bytes.byteLength - left
    t.ok(taken < 16 * MIB, `${taken} bytes were taken, most of them by the kernel`)
    t.equal(client.acknowledged(channel), 0)
    lease.release()
    t.match(await client.ask({ type: 'complete-upload', channel }), { type: 'completed' })
    t.equal(client.acknowledged(channel), bytes.byteLength)
    client.cut()
  })

  await t.test('nor more frames, however small they are', async (t) => {
    const memory = edges.edges[0]?.memory
    if (memory === undefined) throw new Error('there is no edge')
    let frames = 0
    const receive = Reflect.get(Channel.prototype, 'receive') as (this: Channel, ...args: unknown[]) => void
    Object.assign(Channel.prototype, {
      receive(this: Channel, ...args: unknown[]) {
        frames++
        receive.apply(this, args)
      }
    })
    t.teardown(() => void Object.assign(Channel.prototype, { receive }))
    const client = await connect()
    const bytes = sampleBytes(FRAMES)
    const channel = await start(client, 'byte by byte.bin', bytes.byteLength)
    const lease = await memory.acquire(memory.total)
    client.write(channel, bytes, 0, 1)
    let known = -1
    let since = 0
    await until('no more is taken', () => {
      if (frames !== known) since = performance.now()
      known = frames
      return frames > 0 && performance.now() - since > 300
    })
    t.ok(frames < FRAMES / 4, `${frames} of ${FRAMES} frames waited`)
    lease.release()
    t.match(await client.ask({ type: 'complete-upload', channel }), { type: 'completed' })
    client.cut()
  })

  await t.test('a session that ends, ends its sockets within a second', async (t) => {
    const token = await signIn(url, 'ann')
    const client = await SocketClient.connect(url, token, { events: false })
    const channel = await start(client, 'cut.bin', 5 * MIB)
    client.write(channel, sampleBytes(MIB))
    await until('it is received', () => edges.edges[0]?.memory.used !== 0)
    const endedAt = performance.now()
    await api(url, 'POST /api/logout', { token })
    t.match(await client.end(), { code: 4401, reason: 'credentials-invalid' })
    t.ok(performance.now() - endedAt < 1000, `${performance.now() - endedAt} ms`)
    t.match(client.messages.at(-1), { type: 'error', code: 'credentials-invalid' })
  })

  await t.test('so many of one user, and so many transfers on each', async (t) => {
    const clients = await Promise.all([connect(), connect(), connect(), connect()])
    const further = await SocketClient.open(url)
    t.match(await further.ask({ type: 'connect', token: ann.token }), { code: 'too-many-transfers' })
    t.equal((await further.end()).code, 4429)
    const [client] = clients
    for (let i = 0; i < 16; i++) if (client !== undefined) await start(client, `many/${i}`, 1)
    t.match(await client?.ask({ type: 'start-transfer', path: 'many/17', size: 1 }), {
      code: 'too-many-transfers'
    })
    const silent = await Promise.allSettled(
      Array.from({ length: 8 }, async () => await SocketClient.open(url))
    )
    const refused = silent.filter(({ status }) => status === 'rejected')
    t.ok(refused.length >= 4, 'and so many of one address')
    t.match(refused[0], { reason: { message: /429/ } })
    for (const each of silent) if (each.status === 'fulfilled') each.value.cut()
    for (const each of clients) each.cut()
    await until('their places are free', async () => {
      const again = await SocketClient.open(url)
      const { type } = await again.ask({ type: 'connect', token: ann.token })
      again.cut()
      return type === 'connected'
    })
  })

  await t.test('a browser is let in by its cookie, from our own pages only', async (t) => {
    const { headers } = await api(url, 'POST /api/login', {
      body: { username: 'ann', password: 'correct horse battery', cookie: true }
    })
    const cookie = (headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    const page = await SocketClient.open(url, { headers: { cookie, origin: url } })
    t.match(await page.ask({ type: 'connect' }), { type: 'connected', username: 'ann' })
    page.cut()
    for (const origin of [undefined, 'null', 'https://elsewhere.example', url.replace(/\d+$/, '1')]) {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, 'peerbin.v1', {
        headers: { cookie, ...(origin !== undefined && { origin }) }
      })
      socket.on('error', () => undefined)
      const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }]
      t.equal(answer.statusCode, 403, String(origin))
      socket.terminate()
    }
    const stranger = await SocketClient.open(url, { headers: { origin: 'https://elsewhere.example' } })
    t.match(await stranger.ask({ type: 'connect' }), { code: 'credentials-missing' })
  })

  await t.test('requests that are none for a socket are answered as HTTP', async (t) => {
    const plain = await fetch(`${url}/ws`, { headers: { accept: 'application/json' } })
    t.equal(plain.status, 426)
    t.match(await plain.json(), { code: 'socket-needed' })
    t.equal((await fetch(`${url}/ws`, { method: 'POST' })).status, 405)
    t.match(await (await fetch(`${url}/asyncapi.json`)).json(), {
      servers: { edge: { host: new URL(url).host } }
    })
    const other = new WebSocket(`${url.replace('http', 'ws')}/ws`, 'mqtt')
    other.on('error', () => undefined)
    const [, refused] = (await once(other, 'unexpected-response')) as [unknown, { statusCode: number }]
    t.equal(refused.statusCode, 426)
    other.terminate()
    // a client that would like HTTP/2 has its body read all the same
    const asking = request(`${url}/a.txt`, {
      method: 'PUT',
      headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': '' }
    })
    asking.end('hello')
    const [stored] = (await once(asking, 'response')) as [{ statusCode: number; resume: () => void }]
    stored.resume()
    t.equal(stored.statusCode, 201)
    const raw = connectTcp(Number(new URL(url).port), '127.0.0.1')
    raw.write(
      'GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-protocol: peerbin.v1\r\n\r\n'
    )
    const [answer] = (await once(raw, 'data')) as [Buffer]
    t.match(answer.toString(), /^HTTP\/1.1 4\d\d/)
    await once(raw, 'close')
  })
})

t.test('what cannot be understood counts as a request, too', async (t) => {
  const edges = await startEdges(t, { edges: 1, config: { edge: { ratePerMinute: 40 } } })
  const ann = await register(edges.url(), 'ann')
  const client = await SocketClient.connect(edges.url(), ann.token, { events: false })
  for (const message of [{ type: 'no such thing' }, { type: 'connect', token: ann.token }])
    for (let i = 0; i < QUESTIONS / 2; i++) client.send(message)
  await until('all are answered', () => client.messages.length > QUESTIONS)
  const codes = Map.groupBy(client.messages, ({ code }) => code)
  t.ok((codes.get('invalid-field')?.length ?? 0) > 0)
  t.ok((codes.get('rate-limited')?.length ?? 0) > QUESTIONS / 2, 'most of them')
  client.cut()
})
