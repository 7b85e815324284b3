import t from 'tap'
import { parseConfig } from '../../src/config.ts'
import { PasswordAttempts, linkAttempts } from '../../src/controller/password-attempts.ts'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { ManualClock } from '../kit/manual-clock.ts'

const MINUTE = 60_000
const link = (n: number) => hashSecret(`link ${n}`)

const make = (keysMax?: number) => {
  const clock = new ManualClock()
  const { link: config } = parseConfig({
    link: { passwordAttempts: 3, passwordAttemptsPerAddress: 5, passwordWindowMs: 30 * MINUTE }
  })
  return { clock, attempts: new PasswordAttempts(clock, linkAttempts(config), keysMax) }
}

t.test('so many for a link, and then one after the other as time goes by', async (t) => {
  const { clock, attempts } = make()
  for (let i = 0; i < 3; i++) t.equal(attempts.take(link(1), undefined).waitMs, 0)
  t.equal(attempts.take(link(1), undefined).waitMs, 10 * MINUTE)
  t.equal(attempts.waitMs(link(1), undefined), 10 * MINUTE, 'being turned away costs nothing more')
  t.equal(attempts.waitMs(link(2), undefined), 0, 'another link is another matter')
  await clock.advance(4 * MINUTE)
  t.equal(attempts.waitMs(link(1), undefined), 6 * MINUTE)
  await clock.advance(6 * MINUTE)
  t.equal(attempts.take(link(1), undefined).waitMs, 0)
  t.equal(attempts.take(link(1), undefined).waitMs, 10 * MINUTE)
  await clock.advance(30 * MINUTE)
  for (let i = 0; i < 3; i++) t.equal(attempts.take(link(1), undefined).waitMs, 0, 'all are back')
  t.equal(attempts.take(link(1), undefined).waitMs, 10 * MINUTE)
})

t.test('so many from an address, over all links', async (t) => {
  const { attempts } = make()
  for (let i = 0; i < 5; i++) t.equal(attempts.take(link(i), 'me').waitMs, 0)
  t.equal(attempts.take(link(9), 'me').waitMs, 6 * MINUTE)
  t.equal(attempts.take(link(9), 'you').waitMs, 0)
})

t.test('who guesses all the time does not get every attempt that comes back', async (t) => {
  const { clock, attempts } = make()
  let heard = 0
  for (let minute = 0; minute < 300; minute++) {
    while (attempts.take(link(1), 'guesser').waitMs === 0) heard++
    await clock.advance(MINUTE)
    if (minute % 30 !== 14) continue
    const mine = attempts.take(link(1), 'recipient')
    t.equal(mine.waitMs, 0, `after ${minute + 1} minutes`)
    mine.giveBack()
  }
  t.ok(heard > 3, 'his own come back too')
})

t.test('what was right, or never compared, does not count', async (t) => {
  const { attempts } = make()
  for (let i = 0; i < 20; i++) {
    const attempt = attempts.take(link(1), 'me')
    t.equal(attempt.waitMs, 0)
    attempt.giveBack()
  }
  t.same(attempts.size, { subjects: 0, clients: 0 }, 'and nothing of it is remembered')
  const all = [1, 2, 3].map(() => attempts.take(link(1), 'me'))
  t.ok(attempts.take(link(1), 'me').waitMs > 0, 'but it is taken before it is compared')
  all[0]?.giveBack()
  t.equal(attempts.take(link(1), 'me').waitMs, 0)
})

t.test('a memory that is full forgets what it would forget first', async (t) => {
  const { clock, attempts } = make(10)
  for (let i = 0; i < 3; i++) attempts.take(link(0), undefined)
  for (let n = 1; n < 100; n++) attempts.take(link(n), undefined)
  t.equal(attempts.size.subjects, 10)
  t.ok(
    attempts.waitMs(link(0), undefined) > 0,
    'decoys with fewer attempts do not push out the one with most'
  )
  await clock.advance(31 * MINUTE)
  attempts.take(link(200), undefined)
  t.equal(attempts.size.subjects, 1, 'what is over goes when room is needed')
})
