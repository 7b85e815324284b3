/** Webhooks over HTTP: two edges, a controller, and receivers that answer as they like. */

import { setTimeout as pause } from 'node:timers/promises'
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parseCursor } from '../../../src/events.ts'
import { startEdges } from '../edge-cluster.ts'
import { api, newAdmin, newKey, register, textOf } from '../accounts/accounts-kit.ts'
import type { Answer } from '../accounts/accounts-kit.ts'
import { Shell, examplesOf, hasShape, jsonOf } from '../../docs/examples.ts'
import type { Example } from '../../docs/examples.ts'
import { until } from '../../kit/until.ts'
import { accept, startReceiver, verified } from './receiver.ts'
import type { Receiver } from './receiver.ts'
import { testCommands } from './webhook-commands.ts'

const LEASE_MS = 1500

const edges = await startEdges(t, {
  edges: 2,
  config: {
    account: { signInsPerMinute: 0, registrationsPerAddress: 0 },
    webhooks: {
      allow: ['127.0.0.1'],
      retryMs: [20, 20, 20, 20],
      deadInRowMax: 3,
      connectMs: 300,
      answerMs: 300,
      leaseMs: LEASE_MS,
      testsPerMinute: 100
    }
  },
  resolveName: async (name) => {
    if (name === 'private.example') return [{ address: '10.0.0.1', family: 4 }]
    if (name === 'here.example') return [{ address: '127.0.0.1', family: 4 }]
    throw new Error('no such name')
  }
})
const url = edges.url()

let users = 0
const newUser = async (): Promise<string> => (await register(url, `user ${++users}`)).token

interface Hook {
  readonly id: string
  readonly path: string
  readonly secret: string
  readonly token: string
}

async function newHook(
  token: string,
  target: string,
  types: readonly string[] = ['file.added']
): Promise<Hook> {
  const answer = await api(url, 'POST /api/webhooks', { token, body: { url: target, types } })
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.json))
  const id = textOf(answer, 'webhook_id')
  return { id, path: `/api/webhooks/${id}`, secret: textOf(answer, 'secret'), token }
}

/** Adds files, one after the other, at one edge and the other in turn. @returns their names */
async function addFiles(token: string, count: number, name = 'file'): Promise<string[]> {
  const names = Array.from({ length: count }, (_, at) => `${name} ${at}`)
  for (const [at, each] of names.entries()) {
    const form = new FormData()
    form.set('file', new Blob([each]), each)
    const { status, json } = await api(edges.url(at % 2), 'POST /api/files/upload', { token, body: form })
    if (status !== 201) throw new Error(JSON.stringify(json))
  }
  return names
}

const pathsOf = ({ received }: Receiver): unknown[] => received.map(({ event }) => event.data['path'])

const arrived = (receiver: Receiver, count: number): Promise<void> =>
  until(`${count} requests`, () => receiver.received.length >= count)

const look = async ({ path, token }: Hook): Promise<Answer['json']> =>
  (await api(url, `GET ${path}`, { token })).json

const deliveries = async ({ path, token }: Hook) =>
  (await api(url, `GET ${path}/deliveries`, { token })).json as unknown as {
    deliveries: Array<{ event_id: string; type: string; outcome: string; status: number | null }>
    dead_letters: Array<{ event_id: string; outcome: string; status: number | null }>
  }

t.test('events come in order, one at a time, signed, whichever edge brings them', async (t) => {
  const token = await newUser()
  const receiver = await startReceiver(t)
  receiver.answerBy(async (response) => {
    await pause(5)
    accept(response)
  })
  const hook = await newHook(token, receiver.url)
  const other = await startReceiver(t)
  await newHook(token, other.url, [])
  const names = await addFiles(token, 12)
  await arrived(receiver, names.length)
  t.same(pathsOf(receiver), names)
  t.equal(receiver.atOnceMax(), 1)
  const sequences = receiver.received.map(({ event }) => event.sequence ?? '')
  t.same(sequences, sequences.toSorted())
  for (const each of receiver.received) {
    t.match(verified(hook.secret, each), { id: each.id, type: 'file.added', specversion: '1.0' })
    t.match(each.headers, {
      'content-type': /^application\/cloudevents\+json/,
      'user-agent': 'peerbin/0.0.0-test'
    })
  }
  t.throws(() => verified(`whsec_${'A'.repeat(43)}=`, receiver.received[0] ?? ({} as never)))
  // it goes on past what is of no wanted type
  const last = parseCursor(receiver.received.at(-1)?.event.cursor ?? '')
  await until(
    'all are reported',
    async () => (parseCursor(String((await look(hook))['cursor']))?.place ?? 0) >= (last?.place ?? Infinity)
  )
  t.match((await deliveries(hook)).deliveries[0], { outcome: 'ok', status: 204, type: 'file.added' })
  await until('the others too', () => other.received.some(({ event }) => event.data['path'] === names.at(-1)))
  t.equal(new Set(other.received.map(({ event }) => event.type)).size > 1, true, 'without types all come')
})

t.test(
  'what is not taken comes again with the same id; what is refused is given up, and comes when it is asked for',
  async (t) => {
    const token = await newUser()
    const receiver = await startReceiver(t)
    const hook = await newHook(token, receiver.url)
    let failures = 2
    receiver.answerBy((response) => response.writeHead(failures-- > 0 ? 503 : 200).end())
    await addFiles(token, 1, 'busy')
    await arrived(receiver, 3)
    t.same(pathsOf(receiver), ['busy 0', 'busy 0', 'busy 0'])
    t.equal(new Set(receiver.received.map(({ id }) => id)).size, 1)
    for (const each of receiver.received) verified(hook.secret, each)

    receiver.answerBy((response, { event }) =>
      response.writeHead(event.data['path'] === 'bad 0' ? 422 : 200).end()
    )
    await addFiles(token, 2, 'bad')
    await arrived(receiver, 7)
    t.same(pathsOf(receiver).slice(3), ['bad 0', 'bad 0', 'bad 0', 'bad 1'])
    await until('the last is reported', async () => (await deliveries(hook)).deliveries[0]?.outcome === 'ok')
    const log = await deliveries(hook)
    t.same(
      log.deliveries.map(({ outcome }) => outcome),
      ['ok', 'status', 'status', 'status', 'ok', 'status', 'status']
    )
    t.match(log.dead_letters, [{ outcome: 'status', status: 422, event_id: receiver.received[3]?.id }])

    receiver.answerBy(accept)
    const body = { event_ids: [log.dead_letters[0]?.event_id] }
    t.equal((await api(url, `POST ${hook.path}/replay`, { token, body })).status, 200)
    await arrived(receiver, 8)
    t.equal(receiver.received[7]?.id, receiver.received[3]?.id)
    await until('it is no dead letter', async () => (await deliveries(hook)).dead_letters.length === 0)

    const first = receiver.received[0]?.event.cursor
    await api(url, `POST ${hook.path}/replay`, { token, body: { after: first } })
    await arrived(receiver, 10)
    t.same(pathsOf(receiver).slice(8), ['bad 0', 'bad 1'], 'from a place on')
    for (const wrong of [
      {},
      { after: first, ...body },
      { after: 'x' },
      { after: '0000.s1' },
      { event_ids: [] }
    ])
      t.equal(
        (await api(url, `POST ${hook.path}/replay`, { token, body: wrong })).status,
        422,
        JSON.stringify(wrong)
      )
    const replay = async (what: object) =>
      (await api(url, `POST ${hook.path}/replay`, { token, body: what })).json
    t.match(await replay({ after: 'aaaa.1' }), { code: 'cursor-expired' })
    t.match(await replay({ event_ids: [hook.id] }), { code: 'event-unknown' })
  }
)

t.test('a receiver that wants no more, or takes nothing, is left alone, and its user is told', async (t) => {
  const token = await newUser()
  const gone = await startReceiver(t)
  const broken = await startReceiver(t)
  const watch = await startReceiver(t)
  gone.answerBy((response) => response.writeHead(410).end())
  broken.answerBy((response) => response.writeHead(400).end())
  const first = await newHook(token, gone.url)
  const second = await newHook(token, broken.url)
  await newHook(token, watch.url, ['webhook.disabled'])
  await addFiles(token, 4)
  await arrived(watch, 2)
  const reasonOf = ({ id }: Hook): unknown =>
    watch.received.find(({ event }) => event.data['webhook_id'] === id)?.event.data['reason']
  t.same([first, second].map(reasonOf), ['gone', 'dead-letters'])
  t.match(await look(first), { state: 'disabled', reason: 'gone' })
  t.equal(gone.received.length, 1)
  t.equal(broken.received.length, 9, 'three events, three times each')
  gone.answerBy(accept)
  await api(url, `PATCH ${first.path}`, { token, body: { state: 'enabled' } })
  await arrived(gone, 5)
  t.same(pathsOf(gone), ['file 0', 'file 0', 'file 1', 'file 2', 'file 3'], 'nothing was lost meanwhile')
})

t.test(
  'an edge that dies after the request, before its report: another one repeats it, with the same id',
  async (t) => {
    const lonely = await startEdges(t, {
      edges: 1,
      config: { webhooks: { allow: ['127.0.0.1'], leaseMs: LEASE_MS } }
    })
    const at = lonely.url()
    const { token } = await register(at, 'ada')
    const receiver = await startReceiver(t)
    const form = (name: string): FormData => {
      const made = new FormData()
      made.set('file', new Blob(['x']), name)
      return made
    }
    await api(at, 'POST /api/webhooks', { token, body: { url: receiver.url, types: ['file.added'] } })
    const dies = Promise.withResolvers<void>()
    receiver.answerBy(async (response) => {
      receiver.answerBy(accept)
      // out of the network: nothing it says reaches the controller any more
      const dead = lonely.edges[0]?.participant
      if (dead !== undefined) await lonely.cluster.remove(dead)
      accept(response)
      dies.resolve()
    })
    const sent = api(at, 'POST /api/files/upload', { token, body: form('a') })
    await dies.promise
    sent.catch(() => undefined) // its answer may have died with the edge
    const diedAt = performance.now()
    await lonely.addEdge()
    await arrived(receiver, 2)
    t.ok(performance.now() - diedAt > LEASE_MS / 3, 'not before the lease was over')
    t.equal(receiver.received[1]?.id, receiver.received[0]?.id)
    t.same(receiver.received[1]?.event, receiver.received[0]?.event)
  }
)

t.test('a test tells at once how it went, and where webhooks do not lead', async (t) => {
  const token = await newUser()
  const receiver = await startReceiver(t)
  const hook = await newHook(token, receiver.url)
  const test = async ({ path }: Hook) => (await api(url, `POST ${path}/test`, { token })).json
  t.match(await test(hook), { delivered: true, outcome: 'ok', status: 204 })
  t.match(verified(hook.secret, receiver.received[0] ?? ({} as never)), {
    type: 'webhook.test',
    data: { webhook_id: hook.id }
  })
  t.match((await deliveries(hook)).deliveries, [{ type: 'webhook.test', outcome: 'ok' }])
  const inner = await startReceiver(t)
  receiver.answerBy((response) => response.writeHead(302, { location: inner.url }).end())
  t.match(await test(hook), { delivered: false, outcome: 'redirect', status: 302 })
  t.equal(inner.received.length, 0)
  receiver.answerBy(() => {}) // never
  t.match(await test(hook), { delivered: false, outcome: 'timeout', status: null })
  const { port } = new URL(receiver.url)
  receiver.answerBy(accept)
  for (const [target, outcome] of [
    [`http://here.example:${port}/`, 'ok'],
    ['https://private.example/', 'address'],
    ['https://nowhere.example/', 'unresolved']
  ] as const)
    t.match(await test(await newHook(token, target)), { outcome }, target)
})

t.test('secrets are shown once, and two sign while one takes over', async (t) => {
  const token = await newUser()
  const receiver = await startReceiver(t)
  const hook = await newHook(token, receiver.url)
  for (const path of ['/api/webhooks', hook.path])
    t.notMatch(JSON.stringify((await api(url, `GET ${path}`, { token })).json), 'whsec_')
  const rotated = await api(url, `POST ${hook.path}/secret`, { token })
  const next = textOf(rotated, 'secret')
  t.not(next, hook.secret)
  await addFiles(token, 1)
  await arrived(receiver, 1)
  const [one] = receiver.received
  if (one === undefined) return t.fail('nothing came')
  for (const secret of [hook.secret, next]) t.match(verified(secret, one), { type: 'file.added' })
})

t.test('whose they are, how many there are, and what they may look like', async (t) => {
  const token = await newUser()
  const other = await newUser()
  const { token: admin } = await newAdmin(edges, 'an admin')
  const hook = await newHook(token, 'http://127.0.0.1:1/')
  const owner = textOf(await api(url, 'GET /api/me', { token }), 'user_id')
  t.match((await api(url, `GET /api/webhooks?owner=${owner}`, { token: other })).status, 403)
  t.match((await api(url, `GET /api/webhooks?owner=${owner}`, { token: admin })).json, {
    webhooks: [{ webhook_id: hook.id }]
  })
  const body = { url: 'https://example.org/', types: ['file.added'] }
  const deaf = await newKey(url, token, ['account'])
  t.match((await api(url, 'POST /api/webhooks', { token: deaf, body })).json, { code: 'permission-denied' })
  t.equal((await api(url, `PATCH ${hook.path}`, { token: deaf, body: { url: body.url } })).status, 403)
  const hearing = await newKey(url, token, ['account', 'history:read'])
  t.equal((await api(url, 'POST /api/webhooks', { token: hearing, body })).status, 201)
  for (const wrong of [
    { url: 'ftp://example.org/' },
    { url: 'https://10.0.0.1/' },
    { url: 'https://[::1]/' },
    { url: 'https://a:b@example.org/' },
    { ...body, types: ['file.eaten'] },
    { ...body, description: 'x'.repeat(201) },
    { ...body, secret: 'mine' },
    {}
  ])
    t.match((await api(url, 'POST /api/webhooks', { token, body: wrong })).json, { code: 'invalid-field' })
  const changed = await api(url, `PATCH ${hook.path}`, {
    token,
    body: { description: 'a\u202Eb', types: [] }
  })
  t.match(changed.json, { description: 'a b', types: [] })
  for (let made = 2; made < 20; made++) await newHook(token, 'http://127.0.0.1:1/')
  t.match((await api(url, 'POST /api/webhooks', { token, body })).json, { code: 'webhooks-full' })
  t.equal((await api(url, `DELETE ${hook.path}`, { token })).status, 200)
  t.match((await api(url, `GET ${hook.path}`, { token })).json, { code: 'webhook-unknown' })
})

t.test('peerbin webhooks does all of this', async (t) => await testCommands(t, url, await newUser()))

t.test('what docs/webhooks.md shows is so', async (t) => {
  const token = await newUser()
  const receiver = await startReceiver(t)
  const [create, list, replay] = examplesOf('webhooks.md')
  if (create === undefined || list === undefined || replay === undefined)
    return t.fail('examples are missing')
  await using shell = new Shell({ HOST: url, TOKEN: token, RECEIVER: receiver.url })
  const run = async ({ command, shown }: Example): Promise<Record<string, unknown>> => {
    const found = jsonOf((await shell.run(command, '.')).text) ?? {}
    if (shown !== undefined) t.ok(hasShape(found, jsonOf(shown)), command)
    return found
  }
  const { secret, webhook_id: id } = await run(create)
  const names = await addFiles(token, 1)
  await arrived(receiver, 1)
  const [one] = receiver.received
  if (one === undefined) return t.fail('nothing came')
  shell.set('WEBHOOK', String(id))
  shell.set('EVENT', one.id)
  const isTold = async (): Promise<boolean> =>
    (await deliveries({ id: '', secret: '', token, path: `/api/webhooks/${String(id)}` })).deliveries.length >
    0
  await until('it is reported', isTold)
  await run(list)
  t.match(await run(replay), { webhook_id: id })
  await arrived(receiver, 2)
  t.same(pathsOf(receiver), [...names, ...names])

  const page = await readFile(new URL('../../../docs/webhooks.md', import.meta.url), 'utf8')
  const code = /^    import \{ createHmac[\s\S]*?^    \}$/m.exec(page)?.[0].replace(/^    /gm, '') ?? ''
  const { verify } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    verify: (secret: unknown, headers: object, body: Buffer) => unknown
  }
  const body = Buffer.from(one.body)
  t.same(verify(secret, one.headers, body), one.event)
  t.throws(() => verify(secret, one.headers, Buffer.concat([body, Buffer.from(' ')])))
  t.throws(() => verify(`whsec_${'A'.repeat(43)}=`, one.headers, body))
  t.throws(() => verify(secret, { ...one.headers, 'webhook-timestamp': '1' }, body))
})
