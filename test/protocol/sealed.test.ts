import t from 'tap'
import { looksSealed, open, seal, SEAL_BYTES } from '../../src/protocol/sealed.ts'
import type { SealFormat } from '../../src/protocol/sealed.ts'
import { seededRandom } from '../kit/seeded-random.ts'

const secret = Uint8Array.from({ length: 32 }, (_, index) => index)
const format: SealFormat = { magic: 'TEST', version: 3, info: 'peerbin/test/3', what: 'a test' }
const plain = Buffer.from('Vertraulich: 7 Dateien')
const context = Buffer.from('piece 1 of 2')
/** Never change it: what lies on disks looks like this. */
const GOLDEN =
  'VEVTVAPzyev9KzDwXHBxCi69IuCyyhaBDAtBk2OdmoT+NLxcpvVPwXHMOjQ9w1sT4BWtvXVq7uw7o59Fwpx7Znb/l7DMSvvglNgV'

t.test('old bytes can be opened, and the same bytes are sealed', async (t) => {
  const bytes = seal(plain, secret, format, seededRandom(1), context)
  t.equal(Buffer.from(bytes).toString('base64'), GOLDEN)
  t.equal(bytes.byteLength, plain.byteLength + SEAL_BYTES)
  t.same(Buffer.from(open(Buffer.from(GOLDEN, 'base64'), secret, format, context)), plain)
})

t.test('nothing is opened with another secret, context or format, or after a change', async (t) => {
  const bytes = seal(plain, secret, format, seededRandom(1), context)
  const refused = { code: 'data-incompatible' }
  t.throws(() => open(bytes, new Uint8Array(32), format, context), refused)
  t.throws(() => open(bytes, secret, format, Buffer.from('piece 2 of 2')), refused)
  t.throws(() => open(bytes, secret, format), refused)
  t.throws(() => open(bytes, secret, { ...format, info: 'peerbin/other/1' }, context), refused)
  t.throws(() => open(bytes, secret, { ...format, version: 4 }, context), { message: /another version/ })
  t.throws(() => open(bytes, secret, { ...format, magic: 'ELSE' }, context), { message: /^not a test/ })
  for (let at = 0; at < bytes.byteLength; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    t.throws(() => open(changed, secret, format, context), refused)
  }
  for (const length of [0, 4, SEAL_BYTES, bytes.byteLength - 1])
    t.throws(() => open(bytes.subarray(0, length), secret, format, context), refused)
  t.notOk(looksSealed(bytes.subarray(0, SEAL_BYTES), format))
})

t.test('no two seals are alike', async (t) => {
  const random = seededRandom(5)
  const [a, b] = [seal(plain, secret, format, random), seal(plain, secret, format, random)]
  t.notSame(a, b)
  t.notOk(Buffer.from(a).includes('Vertraulich'))
})
