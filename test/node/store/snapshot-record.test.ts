import t from 'tap'
import {
  decodePieceRecord,
  encodePieceRecord,
  nameOfKey,
  pieceKey,
  recordKey,
  recordOf
} from '../../../src/node/store/snapshot-record.ts'
import type { Term } from '../../../src/types.ts'
import { snapshotName } from '../../conformance/snapshot-store.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const name = snapshotName({
  term: 0x0102 as Term,
  base: 3,
  kind: 'changes',
  sequence: 0x0405,
  part: 6,
  parts: 7
})

t.test('the bytes of keys and records stay what they are', async (t) => {
  const fields = '0000000000000102' + '0000000000000003' + '01' + '0000000000000405' + '00000006' + '00000007'
  t.equal(hex(recordKey(name)), '6e' + fields)
  t.equal(hex(pieceKey(name)), '70' + fields)
  const record = recordOf(Buffer.from('peerbin'))
  t.same(record, { sizeBytes: 7, crc: 0xecbf8269 })
  t.equal(hex(encodePieceRecord(recordKey(name), record)), '00000007ecbf8269c0a2848a')
})

t.test('what was written is understood, and nothing else', async (t) => {
  const key = recordKey(name)
  t.same(nameOfKey(key), name)
  t.equal(nameOfKey(key.subarray(1)), undefined)
  const value = encodePieceRecord(key, { sizeBytes: 5, crc: 9 })
  t.same(decodePieceRecord(key, value), { sizeBytes: 5, crc: 9 })
  t.equal(decodePieceRecord(recordKey(snapshotName()), value), undefined, 'it belongs to its key')
  t.equal(decodePieceRecord(key, value.subarray(1)), undefined)
  for (let at = 0; at < value.byteLength; at++) {
    const damaged = Uint8Array.from(value)
    damaged[at] = (damaged[at] ?? 0) ^ 0x10
    t.equal(decodePieceRecord(key, damaged), undefined)
  }
})
