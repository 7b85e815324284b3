import t from 'tap'
import { verdictOf } from '../../../src/controller/webhooks/verdict.ts'
import { defaultConfig } from '../../../src/config.ts'
import type { Delivery, Verdict } from '../../../src/webhooks.ts'

const rules = defaultConfig().webhooks
const NEW = { attempts: 0, failingSince: null, deadInRow: 0 }
const SECOND = 1000
const HOUR = 3600 * SECOND

const answered = (status: number, retryAfterMs: number | null = null) => ({
  outcome: status === 410 ? ('gone' as const) : ('status' as const),
  status,
  retryAfterMs
})

/** The same answer until the event is given up: the pauses between. */
function play(delivery: Pick<Delivery, 'outcome' | 'status' | 'retryAfterMs'>, fraction = 0.5) {
  let now = 1_000_000
  const pauses: number[] = []
  let last: Verdict = { ...NEW, event: 'told', nextAt: null, disable: null }
  for (;;) {
    last = verdictOf(last, delivery, { now, fraction, rules })
    if (last.nextAt === null) return { pauses, last }
    pauses.push(last.nextAt - now)
    now = last.nextAt
  }
}

t.test('an event that nobody takes is tried again for a day, further and further apart', async (t) => {
  const { pauses, last } = play(answered(503))
  t.same(
    pauses,
    [5, 30, 120, 600, 3600, 3 * 3600, 8 * 3600, 12 * 3600].map((s) => s * SECOND)
  )
  t.match(last, { event: 'dead', deadInRow: 1, attempts: 0, disable: null })
  for (const outcome of ['timeout', 'unreachable', 'unresolved', 'tls', 'garbled', 'redirect'] as const)
    t.equal(play({ outcome, status: null, retryAfterMs: null }).pauses.length, 8, outcome)
})

t.test('pauses are a tenth shorter or longer by chance', async (t) => {
  t.equal(play(answered(500), 0).pauses[0], 4500)
  t.ok((play(answered(500), 0.999).pauses[0] ?? 0) <= 5500)
})

t.test('what is refused for good is given up after three attempts', async (t) => {
  for (const status of [400, 401, 403, 404, 413, 422])
    t.equal(play(answered(status)).pauses.length, 2, `${status}`)
  for (const outcome of ['address', 'insecure'] as const)
    t.equal(play({ outcome, status: null, retryAfterMs: null }).pauses.length, 2, outcome)
  for (const status of [408, 409, 425, 429, 500, 502, 503])
    t.equal(play(answered(status)).pauses.length, 8, `${status}`)
})

t.test('a pause that the receiver asks for is kept, up to an hour', async (t) => {
  const pauseOf = (retryAfterMs: number) =>
    verdictOf(NEW, answered(429, retryAfterMs), { now: 0, fraction: 0, rules }).nextAt
  t.equal(pauseOf(60 * SECOND), 60 * SECOND)
  t.equal(pauseOf(1 * SECOND), 4500, 'a shorter one than the own is none')
  t.equal(pauseOf(48 * HOUR), HOUR)
})

t.test('410 disables the webhook, and the event stays', async (t) => {
  const verdict = verdictOf(NEW, answered(410), { now: 5, fraction: 0, rules })
  t.match(verdict, { event: 'again', disable: 'gone', attempts: 1 })
})

t.test(
  'five events given up in a row, or five days of failures, disable it; one that is told begins anew',
  async (t) => {
    const at = { now: 1_000_000_000, fraction: 0, rules }
    const last = { attempts: 8, failingSince: at.now - 1, deadInRow: 4 }
    t.match(verdictOf(last, answered(500), at), { event: 'dead', deadInRow: 5, disable: 'dead-letters' })
    t.match(verdictOf({ ...last, deadInRow: 3 }, answered(500), at), { event: 'dead', disable: null })
    const long = { attempts: 0, failingSince: at.now - 5 * 24 * HOUR, deadInRow: 0 }
    t.match(verdictOf(long, answered(500), at), { event: 'again', disable: 'failing' })
    const ok = { outcome: 'ok', status: 204, retryAfterMs: null } as const
    t.match(verdictOf(last, ok, at), { event: 'told', failingSince: null, deadInRow: 0, disable: null })
  }
)
