/** Events pushed over a socket: at once, after a break at another edge, and not to whoever may not have them. */

import t from 'tap'
import { newKey, register } from '../accounts/accounts-kit.ts'
import { sampleBytes, startEdges } from '../edge-cluster.ts'
import { stored } from '../files/files-kit.ts'
import { SocketClient } from './socket-kit.ts'
import type { Message } from './socket-kit.ts'

interface Pushed {
  readonly cursor: string
  readonly event: { readonly id: string; readonly type: string; readonly data: Record<string, unknown> }
}

const pushed = ({ messages }: SocketClient): Pushed[] =>
  messages.filter(({ type }) => type === 'event') as unknown as Pushed[]
const isAdded = (path: string) => (message: Message) => {
  const { event } = message as unknown as Partial<Pushed>
  return event?.type === 'file.added' && event.data['path'] === path
}

t.test('events over a socket', async (t) => {
  const edges = await startEdges(t, { edges: 2 })
  const [url, other] = [edges.url(0), edges.url(1)]
  const ann = await register(url, 'ann')
  const bob = await register(url, 'bob')

  await t.test('they come as they happen, and after a break none is missed or told twice', async (t) => {
    const first = await SocketClient.connect(url, ann.token)
    t.match(first.messages[0], { type: 'connected', cursor: /^[a-z0-9]+\.\d+$/ })
    await stored(other, bob.token, sampleBytes(10), 'not-anns.bin')
    const id = await stored(other, ann.token, sampleBytes(10), 'one.bin')
    const message = await first.find(isAdded('one.bin'))
    t.match(message, {
      cursor: String,
      event: { specversion: '1.0', subject: id, owner: ann.id, data: { file_id: id, path: 'one.bin' } }
    })
    const before = pushed(first)
    t.notOk(before.some(({ event }) => event.data['path'] === 'not-anns.bin'))
    first.cut()
    for (const name of ['two.bin', 'three.bin']) await stored(url, ann.token, sampleBytes(10), name)
    const { cursor } = before.at(-1) ?? { cursor: '' }
    const second = await SocketClient.connect(other, ann.token, { after: cursor })
    await second.find(isAdded('three.bin'))
    const after = pushed(second)
    t.same(
      after.filter(({ event }) => event.type === 'file.added').map(({ event }) => event.data['path']),
      ['two.bin', 'three.bin']
    )
    const ids = new Set(before.map(({ event }) => event.id))
    t.notOk(after.some(({ event }) => ids.has(event.id)))
    second.cut()
  })

  await t.test('types can be chosen, and the cursor goes on past the others', async (t) => {
    const client = await SocketClient.connect(url, ann.token, { types: ['file.shared'] })
    const start = String(client.messages[0]?.['cursor'])
    await stored(url, ann.token, sampleBytes(10), 'four.bin')
    // what comes back with a cursor gets what is behind it
    const again = await SocketClient.connect(url, ann.token, { after: start, types: ['file.added'] })
    await again.find(isAdded('four.bin'))
    t.same(pushed(client), [])
    for (const each of [client, again]) each.cut()
  })

  await t.test('what is refused', async (t) => {
    const refused = async (token: string, fields: Record<string, unknown>) => {
      const client = await SocketClient.open(url)
      const answer = await client.ask({ type: 'connect', token, ...fields })
      return { answer, code: (await client.end()).code }
    }
    const key = await newKey(url, ann.token, ['files:read'])
    t.match(await refused(key, { events: true }), { answer: { code: 'permission-denied' }, code: 4403 })
    t.match(await refused(ann.token, { after: 'x' }), { answer: { code: 'invalid-field' }, code: 4422 })
    t.match(await refused(ann.token, { types: ['file.eaten'] }), { answer: { code: 'invalid-field' } })
    t.match(await refused(ann.token, { after: 'zzzzzzzz.1' }), {
      answer: { code: 'cursor-expired', oldest: String, newest: String },
      code: 4410
    })
    const quiet = await SocketClient.connect(url, key)
    t.equal(quiet.messages[0]?.['cursor'], null, 'whoever may not read them is let in without')
    quiet.cut()
  })
})
