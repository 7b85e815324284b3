/**
 * The bytes of the wire, pinned. They may only be added to: a peer of an earlier version sends and expects exactly these.
 * A new message: add a sample, run with WRITE_GOLDEN=1, and look at what was added to golden.json.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { FrameReader } from '../../src/protocol/framing.ts'
import {
  answerHeader,
  decodeHeader,
  encodeHeader,
  encodeHello,
  helloHeader,
  requestHeader
} from '../../src/protocol/codec.ts'
import { decodeHeartbeat, encodeHeartbeat } from '../../src/protocol/heartbeat.ts'
import { chunkMessages, controlMessages } from '../../src/protocol/messages.ts'
import type { MessageTable } from '../../src/protocol/messages.ts'
import { byteStreamOf } from './byte-stream.ts'
import { chunkSamples, controlSamples, heartbeatSample } from './samples.ts'

const FILE = new URL('golden.json', import.meta.url)
const golden = JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, string>
const BODY_BYTES = 4_194_304

/** Everything that has pinned bytes, made anew. */
function encodeAll(): Record<string, Uint8Array> {
  const made: Record<string, Uint8Array> = {
    hello: encodeHello('edge'),
    error: encodeHeader({ ok: false, code: 'busy', message: 'Please wait.', retryAfterMs: 1000 }),
    heartbeat: encodeHeartbeat(heartbeatSample)
  }
  const tables: Array<[string, MessageTable, Record<string, { request: unknown; response: unknown }>]> = [
    ['chunk', chunkMessages, chunkSamples],
    ['control', controlMessages, controlSamples]
  ]
  for (const [protocol, table, samples] of tables) {
    for (const [op, spec] of Object.entries(table)) {
      const sample = samples[op]
      const body = (has: boolean): number | undefined => (has ? BODY_BYTES : undefined)
      made[`${protocol}.${op}.request`] = encodeHeader({
        op,
        m: sample?.request,
        body: body(spec.requestBody)
      })
      made[`${protocol}.${op}.response`] = encodeHeader({
        ok: true,
        m: sample?.response,
        body: body(spec.responseBody)
      })
    }
  }
  return made
}

if (process.env['WRITE_GOLDEN'] === '1') {
  const lines = Object.entries(encodeAll()).map(([name, bytes]) => [name, Buffer.from(bytes).toString('hex')])
  writeFileSync(FILE, `${JSON.stringify({ ...Object.fromEntries(lines), ...golden }, null, 2)}\n`)
}

t.test('every message has pinned bytes, and is still written as them', async (t) => {
  const made = encodeAll()
  t.same(Object.keys(golden).toSorted(), Object.keys(made).toSorted())
  for (const [name, bytes] of Object.entries(made)) {
    t.equal(Buffer.from(bytes).toString('hex'), golden[name], name)
  }
})

t.test('the pinned bytes are read as the messages they were', async (t) => {
  const bytesOf = (name: string): Buffer => Buffer.from(golden[name] ?? '', 'hex')
  const map = async (name: string): Promise<Uint8Array> => {
    const header = await new FrameReader(byteStreamOf([bytesOf(name)])).header()
    return header ?? new Uint8Array(0)
  }
  t.same(decodeHeader(helloHeader, await map('hello')), { v: 1, role: 'edge' })
  t.same(decodeHeader(answerHeader, await map('error')), {
    ok: false,
    code: 'busy',
    message: 'Please wait.',
    retryAfterMs: 1000
  })
  t.same(decodeHeartbeat(bytesOf('heartbeat')), heartbeatSample)
  for (const [protocol, table, samples] of [
    ['chunk', chunkMessages, chunkSamples],
    ['control', controlMessages, controlSamples]
  ] as const) {
    for (const [op, spec] of Object.entries<MessageTable[string]>(table)) {
      const sample = (samples as Record<string, { request: unknown; response: unknown }>)[op]
      const request = decodeHeader(requestHeader, await map(`${protocol}.${op}.request`))
      t.equal(request.op, op)
      t.equal(request.body, spec.requestBody ? BODY_BYTES : undefined)
      t.same(spec.request.parse(request.m), sample?.request, `${op} request`)
      const answer = decodeHeader(answerHeader, await map(`${protocol}.${op}.response`))
      if (!answer.ok) return t.fail('an answer that is ok')
      t.same(spec.response.parse(answer.m), sample?.response, `${op} response`)
    }
  }
})

t.test('bytes of earlier versions are still read, with the fields they had', async (t) => {
  const earlier = JSON.parse(readFileSync(new URL('golden-earlier.json', import.meta.url), 'utf8')) as Record<
    string,
    Record<string, string>
  >
  for (const [version, messages] of Object.entries(earlier)) {
    for (const [name, hex] of Object.entries(messages)) {
      const bytes = Buffer.from(hex, 'hex')
      if (name === 'heartbeat') {
        t.match(decodeHeartbeat(bytes), { peer: heartbeatSample.peer, quarantined: 0 }, `${version} ${name}`)
        continue
      }
      const [protocol, op, side] = name.split('.')
      const tables: Record<string, MessageTable> = { chunk: chunkMessages, control: controlMessages }
      const spec = tables[protocol ?? '']?.[op ?? '']
      const header = (await new FrameReader(byteStreamOf([bytes])).header()) ?? new Uint8Array(0)
      if (side === 'request') {
        const { m } = decodeHeader(requestHeader, header)
        t.match(spec?.request.parse(m), m as object, `${version} ${name}`)
        continue
      }
      const answer = decodeHeader(answerHeader, header)
      if (spec === undefined || !answer.ok) return t.fail(`${name} is an answer`)
      t.match(spec.response.parse(answer.m), answer.m as object, `${version} ${name}`)
    }
  }
})
