/** What is wrong with a batch is told before anything is opened, and with the file's index. */

import { randomUUID } from 'node:crypto'
import t from 'tap'
import { HOUR_MS, announced, codeOf, manifestOf, sha256, startPool } from './pools-kit.ts'
import type { SentFile } from './pools-kit.ts'

const now = Date.now()
const small = (name: string, at = now, text = name): SentFile => ({ name, bytes: Buffer.from(text), at })
const DAY_MS = 24 * HOUR_MS

t.test('a manifest that is wrong opens nothing', async (t) => {
  const world = await startPool(t)
  const good = manifestOf([small('a'), small('b')])
  const [a, b] = good.files as unknown as [Record<string, unknown>, Record<string, unknown>]
  const second = (change: Record<string, unknown>): unknown => ({ ...good, files: [a, { ...b, ...change }] })
  const cases: Array<
    [what: string, body: unknown, code: string, field?: string | undefined, index?: number]
  > = [
    ['no files', { ...good, files: [] }, '422 invalid-field', 'files'],
    ['files that are none', { ...good, files: 'x' }, '422 invalid-field', 'files'],
    ['a file that is none', { ...good, files: [a, 1] }, '422 invalid-field', 'files.1', 1],
    ['another id', { ...good, batch: 'x' }, '422 invalid-field', 'batch'],
    ['no clock', { ...good, client_time: undefined }, '422 invalid-field', 'client_time'],
    [
      'a clock without its zone',
      { ...good, client_time: '2026-01-01T00:00:00' },
      '422 invalid-field',
      'client_time'
    ],
    ['a field nobody knows', { ...good, more: 1 }, '422 invalid-field', 'more'],
    ['the same of a file', second({ more: 1 }), '422 invalid-field', 'files.1.more', 1],
    ['no name', second({ name: '' }), '422 invalid-field', 'files.1.name', 1],
    ['a long name', second({ name: 'é'.repeat(128) }), '422 invalid-field', 'files.1.name', 1],
    ['half a character', second({ name: 'a\ud800' }), '422 invalid-field', 'files.1.name', 1],
    ['a control character', second({ name: 'a\nb' }), '422 invalid-field', 'files.1.name', 1],
    ['no digest', second({ sha256: 'x' }), '422 invalid-field', 'files.1.sha256', 1],
    ['half a byte', second({ size: 1.5 }), '422 invalid-field', 'files.1.size', 1],
    ['no byte', second({ size: 0 }), '422 empty-file', undefined, 1],
    ['more than a file may have', second({ size: 1e15 }), '413 too-large', undefined, 1],
    ['no time', second({ timestamp: 'today' }), '422 invalid-field', 'files.1.timestamp', 1],
    ['a time before all', second({ timestamp: -1 }), '422 invalid-field', 'files.1.timestamp', 1],
    ['a time beyond all', second({ timestamp: 1e16 }), '422 invalid-field', 'files.1.timestamp', 1],
    [
      'much metadata',
      second({ metadata: { x: 'y'.repeat(5000) } }),
      '422 invalid-field',
      'files.1.metadata',
      1
    ],
    ['numbers in metadata', second({ metadata: { x: 1 } }), '422 invalid-field', 'files.1.metadata.x', 1],
    ['the same file twice', { ...good, files: [a, b, a] }, '422 duplicate-file', undefined, 2]
  ]
  for (const [what, body, code, field, index] of cases) {
    const answer = await world.ask('POST batches', { token: world.producer, body })
    t.equal(codeOf(answer), code, what)
    t.equal(answer.json['field'], field, what)
    t.equal(answer.json['index'], index, what)
  }
  const known = await world.ask(`GET batches/${good.batch}`, { token: world.producer })
  t.equal(codeOf(known), '404 batch-unknown', 'nothing was opened')
  const raw = async (body: string, type = 'application/json'): Promise<string> =>
    codeOf(await world.raw('POST', 'batches', body, world.producer, { 'content-type': type }))
  t.equal(await raw('{'), '400 bad-request')
  t.equal(await raw('[]'), '400 bad-request')
  t.equal(await raw('{}', 'text/plain'), '415 media-type-unsupported')
  t.equal(await raw(`{"x":"${'y'.repeat(9 * 1024 * 1024)}"}`), '413 too-large')
  const form = new FormData()
  form.append('file', new Blob(['x']), 'x')
  const late = await world.ask('POST batches', { token: world.producer, body: form })
  t.match([codeOf(late), late.json['field']], ['422 invalid-field', 'manifest'], 'a form without a manifest')
})

t.test('timestamps and clocks are looked at', async (t) => {
  const world = await startPool(t, { settings: { tolerance_s: 60, max_age_s: 7200 } })
  const send = async (files: readonly SentFile[], change: Record<string, unknown> = {}) =>
    await world.ask('POST batches', { token: world.producer, body: { ...manifestOf(files), ...change } })
  const at = Date.now()
  const future = await send([small('a', at), small('b', at + DAY_MS)])
  t.match([codeOf(future), future.json['index'], future.json['name']], ['422 timestamp-in-future', 1, 'b'])
  const past = await send([small('a', at - 3 * HOUR_MS)])
  t.match([codeOf(past), past.json['index']], ['422 timestamp-too-old', 0])
  t.equal(codeOf(await send([small('a', 0)])), '422 timestamp-too-old', '1970')
  t.equal(codeOf(await send([small('a', 999_999_999_999_999)])), '422 timestamp-in-future')
  const skewed = await send([small('a', at)], { client_time: at - DAY_MS })
  t.equal(codeOf(skewed), '422 clock-skewed')
  const told = Date.parse(String(skewed.json['server_time']))
  t.ok(Math.abs(told - Date.now()) < 60_000, 'and told what time it is')
  const iso = announced(small('c', at))
  const zoned = await send([], {
    client_time: new Date().toISOString(),
    files: [{ ...iso, timestamp: new Date(at).toISOString().replace('Z', '+00:00') }]
  })
  t.equal(zoned.status, 201, JSON.stringify(zoned.json))
})

t.test('the same file with other bytes is a conflict, across batches and members', async (t) => {
  const world = await startPool(t)
  t.equal((await world.send([small('a'), small('b')])).status, 201)
  const other = await world.send([small('c'), small('a', now, 'other bytes')])
  t.match([codeOf(other), other.json['index'], other.json['name']], ['409 file-conflict', 1, 'a'])
  const second = await world.join('producer')
  t.equal(
    (await world.send([small('a', now, 'other bytes')], second.token)).status,
    201,
    'of somebody else: another file'
  )
  const batch = randomUUID()
  t.equal((await world.announce([small('x')], world.producer, batch)).status, 201)
  t.equal(codeOf(await world.announce([small('y')], world.producer, batch)), '409 batch-conflict')
  t.equal(codeOf(await world.announce([small('x')], second.token, batch)), '409 batch-conflict')
  t.equal(codeOf(await world.put(batch, 0, 'x', second.token)), '404 batch-unknown', 'somebody else’s batch')
})

t.test('only producers send, and only while the pool takes something in', async (t) => {
  const world = await startPool(t)
  for (const token of [world.listener, world.server, world.owner.token])
    for (const answer of [await world.send([small('a')], token), await world.announce([small('a')], token)])
      t.equal(codeOf(answer), '403 permission-denied')
  const batch = randomUUID()
  await world.announce([small('a')], world.producer, batch)
  t.equal((await world.put(batch, 0, 'a')).status, 201)
  t.equal((await world.ask('PATCH ', { token: world.owner.token, body: { state: 'archived' } })).status, 200)
  t.equal(codeOf(await world.send([small('b')])), '409 pool-archived')
  t.equal(
    codeOf(await world.ask(`POST batches/${batch}/commit`, { token: world.producer })),
    '409 pool-archived'
  )
})

t.test('bytes that were announced otherwise are never committed', async (t) => {
  const world = await startPool(t)
  const file = { ...announced(small('a')), sha256: sha256(Buffer.from('b')) }
  const batch = randomUUID()
  const body = { ...manifestOf([], batch), files: [file] }
  t.equal((await world.ask('POST batches', { token: world.producer, body })).status, 201)
  t.equal(codeOf(await world.put(batch, 0, 'a')), '409 checksum-mismatch')
  t.equal(
    codeOf(await world.ask(`POST batches/${batch}/commit`, { token: world.producer })),
    '409 batch-incomplete'
  )
})
