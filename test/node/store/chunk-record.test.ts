import t from 'tap'
import {
  FORMATS_READ,
  FORMAT_VERSION,
  SLICE_BYTES,
  chunkKey,
  decodeRecord,
  decodeRemoval,
  encodeRecord,
  encodeRemoval,
  formatKey,
  sliceCount,
  sliceKey
} from '../../../src/node/store/chunk-record.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const digest = Uint8Array.from({ length: 32 }, (_, i) => i)
const record = {
  sizeBytes: 4194304,
  sequence: 258,
  generation: 77,
  storedAt: 1790000000000,
  verifiedAt: 1790000003600,
  manifest: false,
  quarantinedAt: undefined
}
const rotten = { ...record, manifest: true, quarantinedAt: 1790000007200 }
const unknown = { ...record, manifest: undefined }

/** What each version wrote. These never change: a folder written then must be read by every later program. */
const VERSION_1 = '0101004000000000000000000102000000000000004d000001a0c4506c00000001a0c4507a10c4be6c89'
const VERSION_2 = {
  held: '020101004000000000000000000102000000000000004d000001a0c4506c00000001a0c4507a100000000000000000480c8293',
  rotten:
    '020202004000000000000000000102000000000000004d000001a0c4506c00000001a0c4507a10000001a0c4508820114179ea',
  unknown:
    '020100004000000000000000000102000000000000004d000001a0c4506c00000001a0c4507a100000000000000000eb9aaadf'
}
const GOLDEN_REMOVAL = { key: '640000000000000102', value: '00000000000001078f496626' }

t.test('the bytes of version 2 are these', async (t) => {
  t.equal(FORMAT_VERSION, 2)
  t.equal(hex(formatKey), '66')
  t.equal(hex(chunkKey(digest)), '63000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')
  t.equal(hex(sliceKey(258, 15)), '0000000000000102000f')
  t.equal(hex(encodeRecord(digest, record)), VERSION_2.held)
  t.equal(hex(encodeRecord(digest, rotten)), VERSION_2.rotten)
  t.equal(hex(encodeRecord(digest, unknown)), VERSION_2.unknown)
  const [key, value] = encodeRemoval(258, 263)
  t.equal(hex(key), GOLDEN_REMOVAL.key)
  t.equal(hex(value), GOLDEN_REMOVAL.value)
})

t.test('the bytes of both versions are read', async (t) => {
  t.same(FORMATS_READ, [1, 2])
  t.same(decodeRecord(digest, Buffer.from(VERSION_1, 'hex')), unknown, 'version 1 says nothing of manifests')
  t.same(decodeRecord(digest, Buffer.from(VERSION_2.held, 'hex')), record)
  t.same(decodeRecord(digest, Buffer.from(VERSION_2.rotten, 'hex')), rotten)
  t.same(decodeRecord(digest, Buffer.from(VERSION_2.unknown, 'hex')), unknown)
  const { key, value } = GOLDEN_REMOVAL
  t.same(decodeRemoval(Buffer.from(key, 'hex'), Buffer.from(value, 'hex')), { first: 258, last: 263 })
})

t.test('a flipped bit anywhere makes a record unreadable', async (t) => {
  const bytes = encodeRecord(digest, record)
  for (const whole of [bytes, Buffer.from(VERSION_1, 'hex')]) {
    for (let bit = 0; bit < whole.byteLength * 8; bit++) {
      const damaged = Uint8Array.from(whole)
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      t.equal(decodeRecord(digest, damaged), undefined, `bit ${bit}`)
    }
  }
  const other = digest.slice()
  other[31] = 0
  t.equal(decodeRecord(other, bytes), undefined, 'the record of another chunk')
  t.equal(decodeRecord(digest, bytes.subarray(1)), undefined)
  t.equal(decodeRecord(digest, new Uint8Array(0)), undefined)
})

t.test('a flipped bit anywhere makes a removal unreadable', async (t) => {
  const [key, value] = encodeRemoval(258, 263)
  for (let bit = 0; bit < (key.byteLength + value.byteLength) * 8; bit++) {
    const damaged = Buffer.concat([key, value])
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const parts = [damaged.subarray(0, key.byteLength), damaged.subarray(key.byteLength)] as const
    t.equal(decodeRemoval(...parts), undefined, `bit ${bit}`)
  }
})

t.test('a chunk has as many slices as it needs', async (t) => {
  t.same([1, SLICE_BYTES, SLICE_BYTES + 1, 16 * SLICE_BYTES].map(sliceCount), [1, 1, 2, 16])
})
