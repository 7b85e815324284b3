import fc from 'fast-check'
import t from 'tap'
import { parseConfig } from '../../../src/config.ts'
import type { ConfigInput } from '../../../src/config.ts'
import { hasCode } from '../../../src/errors.ts'
import { AddressBook } from '../../../src/edge/limits/address-book.ts'
import { addressKey } from '../../../src/edge/limits/address-key.ts'
import { AddressLimits } from '../../../src/edge/limits/address-limits.ts'
import { emptyBucket, levelOf, pour, waitMs } from '../../../src/edge/limits/leaky-bucket.ts'
import { ManualClock } from '../../kit/manual-clock.ts'

const HOUR_MS = 3_600_000

t.test('an IPv6 address counts by its /64, an IPv4 one by itself, however it is written', async (t) => {
  const same = [
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:0DB8:0001:0002::%eth0', '2001:db8:1:2::'],
    ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201', '0:0:0:0:0:ffff:c000:0201', '0:0::ffff:192.0.2.1'],
    ['::1', '::2', '0:0:0:0:1:2:3:4'],
    ['2001:db8::', '2001:db8:0:0:5::', '2001:db8::5:6:7:8'],
    ['64:ff9b::192.0.2.1', '64:ff9b::']
  ]
  for (const group of same) t.equal(new Set(group.map(addressKey)).size, 1, group.join(' '))
  t.equal(new Set(same.map(([first = '']) => addressKey(first))).size, same.length)
  t.not(addressKey('192.0.2.1'), addressKey('192.0.2.2'))
  t.not(addressKey('2001:db8:1:2::1'), addressKey('2001:db8:1:3::1'))
  for (const text of ['', 'unknown', '192.0.2.1:8080', '[::1]', '1.2.3', 'a, b'])
    t.equal(addressKey(text), undefined, text)
})

t.test('a bucket never lets more through than its size and what has drained', async (t) => {
  const times = fc.array(fc.record({ pauseMs: fc.nat(5000), amount: fc.integer({ min: 1, max: 5 }) }), {
    maxLength: 200
  })
  fc.assert(
    fc.property(times, (asked) => {
      const rate = { limit: 10, windowMs: 10_000 }
      const bucket = emptyBucket()
      let now = 0
      let poured = 0
      for (const { pauseMs, amount } of asked) {
        now += pauseMs
        if (waitMs(bucket, amount, rate, now) > 0) continue
        pour(bucket, amount, rate, now)
        poured += amount
        if (poured > rate.limit + now / 1000 + 1e-6) return false
      }
      return levelOf(bucket, rate, now) <= rate.limit + 1e-6
    })
  )
  const bucket = emptyBucket()
  const rate = { limit: 4, windowMs: 8000 }
  pour(bucket, 4, rate, 0)
  t.equal(waitMs(bucket, 1, rate, 0), 2000, 'and says when there is room')
  t.equal(waitMs(bucket, 1, rate, 2000), 0)
  t.equal(waitMs(bucket, 100, rate, 8000), 0, 'what is larger than the bucket fits an empty one')
})

const limits = (config: ConfigInput) => {
  const clock = new ManualClock()
  return { clock, limits: new AddressLimits(clock, parseConfig(config)) }
}

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work()
    return undefined
  } catch (error) {
    return hasCode(error) ? error.code : 'another error'
  }
}

t.test('users are counted by themselves, with limits of their own', async (t) => {
  const { limits: book } = limits({
    anonymous: { uploadsPerHour: 1, downloadsAtOnce: 1 },
    account: { uploadsPerHour: 2, downloadsAtOnce: 2 }
  })
  // the same key, should an address ever look like the id of a user
  book.upload('a', 'anonymous', 1)[Symbol.dispose]()
  for (let i = 0; i < 2; i++) book.upload('a', 'user', 1)[Symbol.dispose]()
  t.equal(
    codeOf(() => book.upload('a', 'user', 1)),
    'too-many-uploads'
  )
  t.doesNotThrow(() => book.upload('b', 'user', 1))
  const first = book.download('a', 'user')
  const second = book.download('a', 'user')
  t.same([first.isFurther(), second.isFurther()], [false, true])
  t.equal(
    codeOf(() => book.download('a', 'user')),
    'too-many-transfers'
  )
  first[Symbol.dispose]()
  t.equal(second.isFurther(), false, 'the oldest that is left')
  t.doesNotThrow(() => book.download('a', 'anonymous'))
})

t.test('uploads are counted by the hour, bytes by the day, transfers at once', async (t) => {
  const { clock, limits: book } = limits({
    anonymous: { uploadsPerHour: 3, dailyBytesMax: 1000, uploadsAtOnce: 2, downloadsAtOnce: 1 }
  })
  const first = book.upload('a', 'anonymous', 100)
  const second = book.upload('a', 'anonymous', 100)
  t.equal(
    codeOf(() => book.upload('a', 'anonymous', 1)),
    'too-many-transfers'
  )
  t.doesNotThrow(() => book.upload('b', 'anonymous', 1)[Symbol.dispose](), 'others are not')
  first.received(100)
  first[Symbol.dispose]()
  first[Symbol.dispose]()
  second[Symbol.dispose]()
  t.equal(
    codeOf(() => book.upload('a', 'anonymous', 901)),
    'daily-bytes-used'
  )
  const third = book.upload('a', 'anonymous', 900)
  third[Symbol.dispose]()
  t.equal(
    codeOf(() => book.upload('a', 'anonymous', 1)),
    'too-many-uploads',
    'a refused one counts for nothing'
  )
  await clock.advance(HOUR_MS / 3)
  const unknown = book.upload('a', 'anonymous', undefined)
  unknown.received(500)
  t.equal(
    codeOf(() => unknown.received(500)),
    'daily-bytes-used',
    'also of a length that nobody said'
  )
  unknown[Symbol.dispose]()
  const download = book.download('a', 'anonymous')
  t.equal(
    codeOf(() => book.download('a', 'anonymous')),
    'too-many-transfers'
  )
  download[Symbol.dispose]()
  download[Symbol.dispose]()
  t.doesNotThrow(() => book.download('a', 'anonymous')[Symbol.dispose]())
})

t.test('the memory of addresses is bounded, and newcomers push out newcomers', async (t) => {
  const { limits: book } = limits({ edge: { addressesMax: 64, ratePerMinute: 20 } })
  for (let i = 0; i < 20; i++) book.request('busy')
  const uploading = book.upload('uploading', 'anonymous', 5)
  for (let i = 0; i < 5000; i++) book.request(`newcomer ${i}`)
  t.equal(book.size, 64)
  t.equal(
    codeOf(() => book.request('busy')),
    'rate-limited',
    'thousands of addresses do not make the edge forget one that is at its limit'
  )
  uploading[Symbol.dispose]()
})

t.test('an entry that has to stay does', async (t) => {
  const book = new AddressBook({
    addressesMax: 20,
    make: () => ({ weight: 0 }),
    weigh: ({ weight }) => weight
  })
  const pinned = Array.from({ length: 18 }, (_, i) => book.at(`pinned ${i}`))
  for (const entry of pinned) entry.weight = Infinity
  for (let i = 0; i < 1000; i++) book.at(`other ${i}`)
  for (const [i, entry] of pinned.entries()) t.equal(book.at(`pinned ${i}`), entry)
  t.ok(book.size <= 22)
})
