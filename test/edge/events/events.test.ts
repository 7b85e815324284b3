/** What happens to somebody's things is told to whoever listens, and to whoever comes back: over HTTP, on any edge, and by the command line. */

import t from 'tap'
import type { CloudEvent } from '../../../src/edge/events/cloud-event.ts'
import { runCommandLine } from '../../../src/cli/program.ts'
import { until } from '../../kit/until.ts'
import { testFolder } from '../../kit/test-folder.ts'
import { contextOf } from '../../kit/cli-context.ts'
import { api, newAdmin, newKey, register, signIn } from '../accounts/accounts-kit.ts'
import { sampleBytes, startEdges } from '../edge-cluster.ts'
import { stored } from '../files/files-kit.ts'
import { listen } from './listen-kit.ts'

const edges = await startEdges(t, { edges: 2 })
const [here, there] = [edges.url(0), edges.url(1)]
const ann = await register(here, 'Ann')
const bob = await register(here, 'Bob')
const admin = await newAdmin(edges, 'Root')

interface Page {
  events: CloudEvent[]
  cursor: string
  more: boolean
}

/** A page of JSON. */
async function page(who: { token: string }, query: Record<string, string>, url = here) {
  const path = `/api/events?${new URLSearchParams({ format: 'json', ...query }).toString()}`
  const answer = await api(url, `GET ${path}`, { token: who.token })
  return { status: answer.status, json: answer.json, ...(answer.json as unknown as Page) }
}

const put = async (name: string, seed: number): Promise<string> =>
  await stored(here, ann.token, sampleBytes(100, seed), name)
const sequences = (events: readonly CloudEvent[]): number[] => events.map(({ sequence }) => Number(sequence))
const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

t.test('an event is a CloudEvent, told at both edges within a moment of the change', async (t) => {
  const [one, other] = [await listen(t, here, ann), await listen(t, there, ann)]
  const his = await listen(t, here, bob)
  const id = await put('plans/a.txt', 1)
  await until('all is told', () => [one, other].every(({ events }) => events.length >= 3))
  t.same(one.events, other.events)
  t.match(one.events[0], {
    specversion: '1.0',
    source: '/peerbin/test',
    type: 'file.added',
    subject: id,
    datacontenttype: 'application/json',
    sequence: /^\d{16}$/,
    cursor: /^[0-9a-f]{10}\.\d+$/,
    owner: ann.id,
    data: {
      file_id: id,
      path: 'plans/a.txt',
      version: 1,
      file_size: 100,
      actor_id: ann.id,
      actor_name: 'Ann'
    }
  })
  t.match(one.events.slice(1), [
    { type: 'upload.status', data: { status: 'cached' } },
    { type: 'upload.status', data: { status: 'uploaded_successfully' } }
  ])
  await api(there, `PATCH /api/files/${id}`, { token: ann.token, body: { path: 'plans/b.txt' } })
  const shared = await api(here, `POST /api/files/${id}/share`, { token: ann.token, body: { downloads: 2 } })
  const url = String(shared.json['download_url'] ?? shared.json['url'])
  t.equal((await fetch(url.replace('/d/', '/download/'))).status, 200)
  await api(here, `DELETE /api/files/${id}/shares/${String(shared.json['share'])}`, { token: ann.token })
  await api(here, `DELETE /api/files/delete/${id}`, { token: admin.token })
  await until('all is told', () => one.events.length >= 8)
  t.match(one.events.slice(3), [
    { type: 'file.moved', data: { path: 'plans/b.txt', old_path: 'plans/a.txt' } },
    { type: 'file.shared', data: { share: String(shared.json['share']), downloads: 2 } },
    { type: 'link.redeemed', data: { downloads_left: 1, actor_id: null } },
    { type: 'file.unshared' },
    { type: 'file.removed', data: { actor_id: admin.id, actor_name: 'Root' } }
  ])
  t.same(his.events, [], 'and nothing of it to anybody else')
  t.equal(JSON.stringify(one.events).includes(new URL(url).pathname.split('/').at(-1) ?? '?'), false)
})

t.test('sessions are told of: one that begins, and one that is ended from elsewhere', async (t) => {
  const one = await listen(t, here, ann, { query: { types: 'session.started,session.revoked' } })
  const token = await signIn(there, 'Ann')
  const { json } = await api(there, 'GET /api/me/sessions', { token })
  const sessions = json['sessions'] as Array<{ session_id: string; current?: boolean }>
  const id = sessions.find(({ current }) => current === true)?.session_id ?? ''
  await api(here, `DELETE /api/me/sessions/${id}`, { token: ann.token })
  await until('both are told', () => one.events.length >= 2)
  t.match(one.events, [
    { type: 'session.started', subject: id },
    { type: 'session.revoked', subject: id, data: { actor_name: 'Ann', reason: 'ended' } }
  ])
})

t.test('a page of JSON: since a cursor, waiting for the first, of some types, of others', async (t) => {
  const begin = await page(ann, {})
  t.match(begin, { status: 200, events: [], more: false })
  const waiting = page(ann, { after: begin.cursor, wait: '20', types: 'file.removed' }, there)
  const id = await put('page.txt', 2)
  await api(here, `DELETE /api/files/delete/${id}`, { token: ann.token })
  t.match(await waiting, { events: [{ type: 'file.removed', subject: id }], more: false })
  const found = await page(ann, { after: begin.cursor, limit: '2' })
  t.match(found, { events: [{ type: 'file.added' }, {}], more: true, cursor: found.events[1]?.cursor })
  const rest = await page(ann, { after: found.cursor })
  t.equal(rest.events.at(-1)?.type, 'file.removed')
  const nothing = await page(ann, { after: begin.cursor, types: 'file.expired' })
  t.match(nothing, { events: [], cursor: rest.cursor }, 'the cursor is behind what was not asked for')
  const start = await page(ann, { after: 'start' })
  t.equal(start.events[0]?.sequence, '0000000000000001')
  t.match(await page(bob, { owner: ann.id, after: 'start' }), { status: 403 })
  t.match((await page(admin, { owner: ann.id, after: 'start' })).events, start.events)
  const all = await page(admin, { owner: '*', after: 'start' })
  t.ok(new Set(all.events.map(({ owner }) => owner)).size >= 3)
  t.match(all.cursor, /^[0-9a-f]{10}\.s\d+$/)
  const negotiated = await fetch(`${here}/api/events`, {
    headers: { authorization: `Bearer ${ann.token}`, accept: 'application/cloudevents-batch+json' }
  })
  t.match(await negotiated.json(), { events: [], more: false })
})

t.test('what cannot be asked for is refused before a stream begins', async (t) => {
  const { cursor } = await page(ann, {})
  const [epoch = '', number = ''] = cursor.split('.')
  for (const [query, code] of [
    [{ after: 'nonsense' }, 'invalid-field'],
    [{ after: `${epoch}.s1` }, 'invalid-field'],
    [{ types: 'file.added,file.eaten' }, 'invalid-field'],
    [{ owner: 'me' }, 'invalid-field'],
    [{ wait: '61' }, 'invalid-field'],
    [{ limit: '501' }, 'invalid-field'],
    [{ after: `${epoch}.${Number(number) + 1}` }, 'cursor-expired'],
    [{ after: `0000000000.${number}` }, 'cursor-expired']
  ] as const)
    for (const format of ['json', 'sse']) {
      if ('wait' in query && format === 'sse') continue
      const answer = await page(ann, { ...query, format })
      t.equal(answer.json['code'], code, `${JSON.stringify(query)} ${format}`)
      if (code !== 'cursor-expired') continue
      t.match(answer, { status: 410, json: { oldest: `${epoch}.0`, newest: cursor } })
    }
  const key = await newKey(here, ann.token, ['files:read'])
  t.equal((await page({ token: key }, {})).status, 403)
})

t.test(
  'of two listeners and a command line of one user the one who was away hears everything, in order, without a gap or a double',
  async (t) => {
    const folder = testFolder(t)
    const result = { code: -1, stdout: '', stderr: '' }
    const stop = new AbortController()
    const first = await page(ann, {})
    const env = { PEERBIN_URL: here, PEERBIN_TOKEN: ann.token, XDG_CONFIG_HOME: folder }
    const following = runCommandLine(
      ['events', '--follow', '--json', '--since', first.cursor],
      contextOf(result, { env, interrupted: stop.signal })
    )
    const one = await listen(t, here, ann)
    const other = await listen(t, there, ann)
    const ids = [await put('first.txt', 3)]
    await until('both hear it', () => one.events.length >= 2 && other.events.length >= 2)
    other.leave()
    const lastId = other.ids.at(-1)
    const heardBefore = other.events.length
    for (let i = 0; i < 6; i++) {
      ids.push(await put(`away ${i}.txt`, 4 + i))
      await api(there, `PATCH /api/files/${ids[0]}`, { token: ann.token, body: { path: `moved ${i}.txt` } })
    }
    await api(here, `DELETE /api/files/delete/${ids[1]}`, { token: ann.token })
    const back = await listen(t, here, ann, { lastId }) // at the other edge
    const last = await put('after.txt', 20)
    const isDone = (events: readonly CloudEvent[]): boolean =>
      events.some(({ subject, data }) => subject === last && data['status'] === 'uploaded_successfully')
    const lines = (): CloudEvent[] =>
      result.stdout
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line) as CloudEvent)
    await until('everybody has heard it all', () => [one.events, back.events, lines()].every(isDone))
    stop.abort()
    t.equal(await following, 130)
    const all = [...other.events.slice(0, heardBefore), ...back.events]
    const from = Number(all[0]?.sequence)
    t.same(sequences(all), upTo(from, from + all.length - 1), 'the one who was away')
    t.same(all, one.events, 'hears what the one who stayed has heard')
    t.same(lines(), one.events, 'and so does the command line')
    const page1 = await page(ann, { after: first.cursor })
    t.same(page1.events, one.events, 'told again an event is the same, with its id')
  }
)

t.test('listening ends within a second of the session', async (t) => {
  const token = await signIn(here, 'Bob')
  const his = await listen(t, there, { token })
  const endedAt = performance.now()
  await api(here, 'POST /api/logout', { token })
  await until('it is over', () => his.state.isOver)
  t.ok(performance.now() - endedAt < 1500, 'and some for a busy machine')
})
