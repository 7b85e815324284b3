import fc from 'fast-check'
import t from 'tap'
import { hasCode } from '../../src/errors.ts'
import {
  LengthDecoder,
  answerHeader,
  decodeHeader,
  decodeMap,
  encodeHeader,
  helloHeader,
  requestHeader
} from '../../src/protocol/codec.ts'
import { FrameReader, writeBody } from '../../src/protocol/framing.ts'
import { decodeHeartbeat, encodeHeartbeat } from '../../src/protocol/heartbeat.ts'
import {
  CHUNK_BYTES_MAX,
  FRAME_BYTES_MAX,
  HEADER_BYTES_MAX,
  HEARTBEAT_BYTES_MAX
} from '../../src/protocol/limits.ts'
import { byteStreamOf } from './byte-stream.ts'
import { heartbeatSample } from './samples.ts'

/** Bytes cut at any places. */
const cut = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(300), { maxLength: 8 })).map(cutUp)

function cutUp([bytes, places]: [Uint8Array, number[]]): Uint8Array[] {
  const ends = [...places, bytes.byteLength]
    .filter((end) => end <= bytes.byteLength)
    .toSorted((a, b) => a - b)
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

const isViolation = (error: unknown): boolean => hasCode(error, 'protocol-violation')

t.test('a header is read back however it is cut', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ maxLength: 400 }),
      fc.array(fc.nat(500), { maxLength: 10 }),
      fc.uint8Array({ minLength: 1, maxLength: 50 }),
      async (text, places, after) => {
        const frame = encodeHeader({ op: 'put', m: { text } })
        const reader = new FrameReader(byteStreamOf(cutUp([Buffer.concat([frame, after]), places])))
        const header = decodeHeader(requestHeader, (await reader.header()) ?? new Uint8Array(0))
        const rest = new Uint8Array(after.byteLength)
        await reader.readInto(rest, rest.byteLength)
        return (
          (header.m as { text: string }).text === text &&
          Buffer.from(rest).equals(after) &&
          (await reader.header()) === undefined
        )
      }
    )
  )
  t.pass()
})

t.test('garbage is a violation of the protocol and nothing worse', async (t) => {
  await fc.assert(
    fc.asyncProperty(cut, async (pieces) => {
      const reader = new FrameReader(byteStreamOf(pieces))
      try {
        const header = await reader.header()
        if (header !== undefined) {
          for (const schema of [helloHeader, requestHeader, answerHeader]) decodeHeader(schema, header)
        }
        return true
      } catch (error) {
        return isViolation(error)
      }
    }),
    { numRuns: 3000 }
  )
  for (const decoder of [decodeMap, decodeHeartbeat]) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        try {
          decoder(bytes)
          return true
        } catch (error) {
          return isViolation(error)
        }
      }),
      { numRuns: 3000 }
    )
  }
  t.pass()
})

t.test('a message with a few bytes changed is read or refused', async (t) => {
  const whole = encodeHeartbeat(heartbeatSample)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(whole.byteLength - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
      (changes) => {
        const bytes = Uint8Array.from(whole)
        for (const [at, value] of changes) bytes[at] = value
        try {
          decodeHeartbeat(bytes)
          return true
        } catch (error) {
          return isViolation(error)
        }
      }
    ),
    { numRuns: 3000 }
  )
  t.pass()
})

t.test('a length that is too large is refused at its first bytes', async (t) => {
  const lengths = {
    'one more than the limit': [0x81, 0x80, 0x10],
    '2^40': [0x80, 0x80, 0x80, 0x80, 0x80, 0x20],
    endless: Array.from({ length: 100 }, () => 0xff)
  }
  for (const [name, bytes] of Object.entries(lengths)) {
    const stream = byteStreamOf(bytes.map((byte) => Uint8Array.of(byte)))
    await t.rejects(new FrameReader(stream).header(), { code: 'protocol-violation' }, name)
    t.ok(stream.reads() <= 3, `${name}: nothing more is read`)
  }
  await t.rejects(new FrameReader(byteStreamOf([Uint8Array.of(0x81, 0x00)])).header(), {
    code: 'protocol-violation',
    message: /shortest/
  })
  const limit = new LengthDecoder()
  t.same(
    [0x80, 0x80, 0x10].map((byte) => limit.push(byte)),
    [undefined, undefined, HEADER_BYTES_MAX]
  )
})

t.test('a header that was only announced takes no memory', async (t) => {
  const before = process.memoryUsage().arrayBuffers
  const waiting = Array.from({ length: 2000 }, () => {
    const announced = [Uint8Array.of(0xff, 0xff, 0x0f), Uint8Array.of(1)]
    const stream = {
      ...byteStreamOf([]),
      read: async () => announced.shift() ?? (await new Promise<never>(() => {}))
    }
    return new FrameReader(stream).header()
  })
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(waiting.length, 2000)
  t.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024, '2000 of them would be 500 MiB')
})

t.test('what is nested without end is refused', async (t) => {
  t.throws(() => decodeMap(new Uint8Array(HEADER_BYTES_MAX).fill(0x81)), { code: 'protocol-violation' })
  const bomb = Buffer.concat([Uint8Array.of(0xa1, 0x61, 0x6d), new Uint8Array(HEADER_BYTES_MAX).fill(0xa1)])
  t.throws(() => decodeMap(bomb), { code: 'protocol-violation' })
})

t.test('only maps of plain data are headers', async (t) => {
  const bytes = {
    'a number': [0x01],
    'a list': [0x80],
    null: [0xf6],
    undefined: [0xf7],
    'a link': [0xd8, 0x2a, 0x45, 0x00, 0x01, 0x55, 0x00, 0x00],
    'the same key twice': [0xa2, 0x61, 0x61, 0x01, 0x61, 0x61, 0x02],
    'a map and more': [0xa0, 0x00],
    'a map of unknown length': [0xbf, 0xff],
    nothing: []
  }
  for (const [name, list] of Object.entries(bytes)) {
    t.throws(() => decodeMap(Uint8Array.from(list)), { code: 'protocol-violation' }, name)
  }
})

t.test('a header may not be larger than the protocol allows', async (t) => {
  t.throws(() => encodeHeader({ op: 'x', m: 'x'.repeat(HEADER_BYTES_MAX) }), { code: 'message-too-large' })
  t.throws(
    () => encodeHeartbeat({ ...heartbeatSample, host: 'x'.repeat(256) }),
    { code: 'bad-request' },
    'a heartbeat is checked before it is sent'
  )
  t.throws(() => decodeHeartbeat(new Uint8Array(HEARTBEAT_BYTES_MAX + 1)), { code: 'protocol-violation' })
  const addresses = Array.from(
    { length: 16 },
    () => '/' + 'x'.repeat(511)
  ) as typeof heartbeatSample.addresses
  t.throws(() => encodeHeartbeat({ ...heartbeatSample, addresses }), { code: 'message-too-large' })
})

t.test('an optional field that is not set is left out', async (t) => {
  const bytes = encodeHeader({ op: 'get', m: { offset: 0, length: undefined }, body: undefined })
  t.same(bytes, encodeHeader({ op: 'get', m: { offset: 0 } }))
})

t.test('a body goes out in frames, is copied once, and may be skipped', async (t) => {
  const bytes = Buffer.alloc(CHUNK_BYTES_MAX, 'peerbin')
  const out = byteStreamOf([])
  const told: number[] = []
  await writeBody(out, { sizeBytes: bytes.byteLength, pieces: [bytes] }, (written) => told.push(written))
  t.ok(out.written.every((frame) => frame.byteLength <= FRAME_BYTES_MAX))
  t.ok(
    out.written.every((frame) => frame.buffer === bytes.buffer),
    'sent from where it lies'
  )
  t.equal(told.at(-1), bytes.byteLength)

  const reader = new FrameReader(
    byteStreamOf([...out.written, Uint8Array.of(9, 9), encodeHeader({ v: 1, role: 'edge' })])
  )
  const target = new Uint8Array(bytes.byteLength + 1)
  await reader.readInto(target, bytes.byteLength)
  t.ok(bytes.equals(target.subarray(0, bytes.byteLength)))
  t.equal(target.at(-1), 0, 'no byte beyond it is touched')
  await reader.skip(2)
  t.same(decodeHeader(helloHeader, (await reader.header()) ?? new Uint8Array(0)), { v: 1, role: 'edge' })
  await t.rejects(reader.skip(1), { code: 'protocol-violation' }, 'an end in the middle of a message')
})
