import t from 'tap'
import { PasswordHasher } from '../../src/client/password-hasher.ts'
import { parseConfig } from '../../src/config.ts'
import { hasCode } from '../../src/errors.ts'
import { challengeOf, isPassword, tagHash } from '../../src/protocol/password.ts'
import { seededRandom } from '../kit/seeded-random.ts'

const hasher = (passwordsAtOnce: number, passwordWaitersMax: number): PasswordHasher =>
  new PasswordHasher({
    config: parseConfig({
      edge: { passwordsAtOnce, passwordWaitersMax },
      link: { passwordMemoryKiB: 1024, passwordPasses: 1 }
    }),
    random: seededRandom(1)
  })

t.test('what it stores is what it proves later, at the cost in the record', async (t) => {
  const passwords = hasher(2, 10)
  const record = await passwords.record('open sesame')
  t.match(record, { v: 1, memoryKiB: 1024, passes: 1, parallelism: 1 })
  t.ok(isPassword(record, tagHash(await passwords.prove('open sesame', challengeOf(record)))))
  t.notOk(isPassword(record, tagHash(await passwords.prove('guess', challengeOf(record)))))
})

t.test('a flood of passwords is hashed few at a time, and most of it turned away', async (t) => {
  const passwords = hasher(2, 5)
  const challenge = challengeOf(await passwords.record('open sesame'))
  const outcomes = await Promise.allSettled(
    Array.from({ length: 100 }, (_, i) => passwords.prove(`guess ${i}`, challenge))
  )
  t.equal(passwords.peak, 2, 'never more at once, so never more memory than that')
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  t.equal(refused.length, 93)
  t.ok(
    refused.every(({ reason }) => hasCode(reason, 'busy') && (reason.retryAfterMs ?? 0) > 0),
    'and told when to come back'
  )
  t.match(await passwords.prove('open sesame', challenge), /^[0-9a-f]{64}$/, 'then it goes on as before')
})

t.test(
  'one client that sends passwords by the hundred does not keep others from having theirs hashed',
  async (t) => {
    const passwords = hasher(1, 8)
    const challenge = challengeOf(await passwords.record('open sesame'))
    const done: string[] = []
    const prove = async (client: string): Promise<void> => {
      await passwords.prove('a guess', challenge, undefined, client)
      done.push(client)
    }
    const flood = Array.from({ length: 100 }, () => prove('flood'))
    const others = ['one', 'two', 'three'].map((client) => prove(client))
    const outcomes = await Promise.allSettled(flood)
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 4, 'it has half of the queue')
    await Promise.all(others)
    t.ok(done.indexOf('three') < 5, `and the others come first: ${done.join(' ')}`)
    await t.resolves(prove('flood'), 'then it goes on as before')
  }
)

t.test('whoever has left is not hashed for', async (t) => {
  const passwords = hasher(1, 5)
  const challenge = challengeOf(await passwords.record('open sesame'))
  const left = new AbortController()
  const [first, second] = [passwords.prove('one', challenge), passwords.prove('two', challenge, left.signal)]
  left.abort(new Error('gone'))
  await t.rejects(second, { code: 'aborted' })
  t.match(await first, /^[0-9a-f]{64}$/)
})
