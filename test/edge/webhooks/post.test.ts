/** One request, to real servers on this machine that answer as nobody should. */

import { createServer as createHttpServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import t from 'tap'
import type { Test } from 'tap'
import { addressCheck } from '../../../src/edge/webhooks/addresses.ts'
import type { ResolveName } from '../../../src/edge/webhooks/names.ts'
import { post } from '../../../src/edge/webhooks/post.ts'
import type { PostDeps } from '../../../src/edge/webhooks/post.ts'
import { systemClock } from '../../../src/runtime/clock.ts'

const BODY = '{"hello":"Grüße"}'
const LIMIT_MS = 150

const resolvesTo =
  (...addresses: readonly string[]): ResolveName =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

const deps = (over: Partial<PostDeps> = {}): PostDeps => ({
  clock: systemClock,
  resolve: resolvesTo('127.0.0.1'),
  check: addressCheck(['127.0.0.1']),
  insecure: false,
  connectMs: 5000,
  answerMs: 5000,
  ...over
})

const send = (url: string, over: Partial<PostDeps> = {}, signal = new AbortController().signal) =>
  post(deps(over), { url, headers: { 'content-type': 'application/json' }, body: BODY }, signal)

async function listen(t: Test, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

const http = async (t: Test, listener: RequestListener): Promise<string> =>
  `http://127.0.0.1:${await listen(t, createHttpServer(listener))}/hook`

/** Bytes, whatever they are, to whoever connects. */
const raw = async (t: Test, talk: (socket: Socket) => void): Promise<string> =>
  `http://127.0.0.1:${await listen(t, createServer(talk))}/`

t.test('a request comes as it was meant, and the status says what became of it', async (t) => {
  const seen: unknown[] = []
  let status = 204
  const url = await http(t, (request, response) => {
    void textOf(request).then((body) => {
      seen.push(request.method, request.url, request.headers['content-type'], body)
      return response.writeHead(status, { 'retry-after': '7' }).end()
    })
  })
  t.match(await send(url), { outcome: 'ok', status: 204 })
  t.same(seen, ['POST', '/hook', 'application/json', BODY])
  for (const [given, outcome] of [
    [200, 'ok'],
    [400, 'status'],
    [410, 'gone'],
    [429, 'status'],
    [500, 'status'],
    [304, 'redirect']
  ] as const) {
    status = given
    t.match(await send(url), { outcome, status: given, retryAfterMs: 7000 }, `${given}`)
  }
})

t.test('a redirect is never followed, wherever it leads', async (t) => {
  let inner = 0
  const secret = await http(t, (_request, response) => {
    inner++
    response.end('secret')
  })
  for (const status of [301, 302, 303, 307, 308]) {
    const url = await http(t, (_request, response) => response.writeHead(status, { location: secret }).end())
    t.match(await send(url), { outcome: 'redirect', status })
  }
  t.equal(inner, 0)
})

t.test('what may not be reached is not connected to', async (t) => {
  let connections = 0
  const port = await listen(
    t,
    createServer(() => connections++)
  )
  const check = addressCheck([])
  const refused = { outcome: 'address', status: null }
  t.match(await send(`http://127.0.0.1:${port}/`, { check, insecure: true }), refused, 'an address')
  t.match(await send(`http://[::ffff:7f00:1]:${port}/`, { check, insecure: true }), refused)
  const named = `http://hooks.example:${port}/`
  for (const addresses of [
    ['127.0.0.1'],
    ['::ffff:127.0.0.1'],
    ['8.8.8.8', '127.0.0.1'],
    ['10.0.0.1', '8.8.8.8'],
    ['64:ff9b::7f00:1']
  ])
    t.match(
      await send(named, { check, insecure: true, resolve: resolvesTo(...addresses) }),
      refused,
      addresses.join()
    )
  let answers = 0
  const rebound: ResolveName = async () => [
    { address: answers++ === 0 ? '127.0.0.1' : '10.0.0.1', family: 4 }
  ]
  t.match(await send(named, { resolve: rebound, check: addressCheck(['10.0.0.0/8']) }), refused)
  t.equal(answers, 1, 'a name is resolved once, and what was judged is what is used')
  t.match(await send(named, { resolve: resolvesTo('8.8.8.8') }), { outcome: 'insecure' })
  t.match(await send(named, { resolve: resolvesTo() }), { outcome: 'unresolved' })
  t.match(await send(named, { resolve: async () => Promise.reject(new Error('no such name')) }), {
    outcome: 'unresolved'
  })
  t.equal(connections, 0)
})

t.test('whoever never answers, or drop by drop, is waited for as long as was said', async (t) => {
  const limits = { connectMs: LIMIT_MS, answerMs: LIMIT_MS }
  const timer = (work: () => void): void => void setInterval(work, 20).unref()
  const cases: Record<string, (socket: Socket) => void> = {
    nothing: () => {},
    'a status, letter by letter': (socket) => timer(() => socket.write('H')),
    'headers without end': (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      timer(() => socket.write('x-more: 1\r\n'))
    },
    'hints without end': (socket) => timer(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'))
  }
  for (const [what, talk] of Object.entries(cases)) {
    const delivery = await send(await raw(t, talk), limits)
    t.match(delivery.outcome, /^(?:timeout|garbled)$/, what)
    t.ok(delivery.durationMs < 20 * LIMIT_MS, `${what}: ${delivery.durationMs} ms`)
  }
  const never: ResolveName = () => new Promise(() => {})
  t.match(await send('https://hooks.example/', { ...limits, resolve: never }), { outcome: 'timeout' })
  const mute = (await raw(t, () => {})).replace('http:', 'https:')
  t.match(await send(mute, limits), { outcome: 'timeout' }, 'no handshake')
})

t.test('of an answer the status counts; its body is read a little, and for a little while', async (t) => {
  const limits = { answerMs: LIMIT_MS }
  const dripping = await http(t, (_request, response) => {
    setInterval(() => response.write('.'), 20).unref()
  })
  t.match(await send(dripping, limits), { outcome: 'ok', status: 200 })
  let written = 0
  const piece = Buffer.alloc(64 * 1024)
  const huge = await http(t, (_request, response) => {
    const more = (): void => {
      while (response.writable && !response.destroyed) {
        written += piece.byteLength
        if (!response.write(piece)) {
          response.once('drain', more)
          return
        }
      }
    }
    more()
  })
  t.match(await send(huge), { outcome: 'ok', status: 200 })
  t.ok(written < 64 * 1024 * 1024, `${written} bytes were written before it was cut off`)
})

t.test('what is no HTTP, too long, or cut off is a failure and nothing else', async (t) => {
  const cases: Record<string, [(socket: Socket) => void, string]> = {
    'no HTTP': [(socket) => socket.end('220 mail.example ESMTP\r\n'), 'garbled'],
    'headers above the limit': [
      (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(64 * 1024)}\r\n\r\n`),
      'garbled'
    ],
    'cut off': [(socket) => socket.once('data', () => socket.destroy()), 'unreachable'],
    'a status of nobody': [(socket) => socket.end('HTTP/1.1 999 What\r\n\r\n'), 'garbled'],
    'another protocol': [
      (socket) => socket.end('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      'garbled'
    ]
  }
  for (const [what, [talk, outcome]] of Object.entries(cases))
    t.match(await send(await raw(t, talk)), { outcome }, what)
  for (const status of ['000', '007', '099'])
    t.match(
      await send(await raw(t, (socket) => socket.end(`HTTP/1.1 ${status} What\r\n\r\n`))),
      { outcome: 'garbled', status: null },
      `${status} is no status that could be reported`
    )
  const closed = createServer()
  const port = await new Promise<number>((resolve) =>
    closed.listen(0, '127.0.0.1', () => resolve((closed.address() as AddressInfo).port))
  )
  await new Promise((resolve) => closed.close(resolve))
  t.match(await send(`http://127.0.0.1:${port}/`), { outcome: 'unreachable' }, 'refused')
  const plain = await http(t, (_request, response) => response.end())
  t.match(await send(plain.replace('http:', 'https:')), { outcome: 'tls' }, 'no TLS')
})

t.test('who stops it gets the reason, and the connection is gone', async (t) => {
  const closed = Promise.withResolvers<void>()
  const url = await raw(t, (socket) => socket.once('close', () => closed.resolve()).resume())
  const stop = new AbortController()
  const sent = send(url, {}, stop.signal)
  setTimeout(() => stop.abort(new Error('enough')), 20)
  await t.rejects(sent, { message: 'enough' })
  await closed.promise
})
