import t from 'tap'
import { BOOT_MAX, nextBoot } from '../../src/cluster/boot.ts'

t.test('a start is later than the stored one, the time, and what others know', async (t) => {
  t.equal(nextBoot({ stored: 0, now: 1000.7 }), 1000)
  t.equal(nextBoot({ stored: 5000, now: 1000 }), 5001, 'the clock went back')
  t.equal(
    nextBoot({ stored: 0, now: 1000, reported: 7000 }),
    7001,
    'the disk was wiped and the clock went back'
  )
  t.equal(nextBoot({ stored: 1000, now: 1000 }), 1001)
  t.equal(nextBoot({ stored: 0, now: -5 }), 1)
  t.equal(
    nextBoot({ stored: 10, now: 0, reported: BOOT_MAX + 1 }),
    11,
    'a number that cannot be is not followed'
  )
  t.ok(Number.isSafeInteger(nextBoot({ stored: 0, now: 0, reported: BOOT_MAX })))
})
