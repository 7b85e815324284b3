import t from 'tap'
import {
  challengeOf,
  cleanPassword,
  isPassword,
  newChallenge,
  passwordTag,
  recordOf,
  tagHash
} from '../../src/protocol/password.ts'
import { passwordRecord } from '../../src/protocol/schema.ts'
import { seededRandom } from '../kit/seeded-random.ts'

const COST = { memoryKiB: 128, passes: 2, parallelism: 1 }

t.test('the tag is argon2id as others compute it', async (t) => {
  // from the tests of the reference implementation (phc-winner-argon2, src/test.c)
  const challenge = {
    v: 1 as const,
    memoryKiB: 256,
    passes: 2,
    parallelism: 1,
    salt: Buffer.from('somesalt').toString('hex')
  }
  t.equal(
    await passwordTag('password', challenge),
    '9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe'
  )
  for (const other of [
    { ...challenge, passes: 3 },
    { ...challenge, memoryKiB: 512 },
    { ...challenge, salt: '00'.repeat(16) }
  ])
    t.not(await passwordTag('password', other), await passwordTag('password', challenge))
})

t.test('a record knows its password, and neither holds it nor what opens the link', async (t) => {
  const challenge = newChallenge(COST, seededRandom(1))
  const tag = await passwordTag('Großmutter', challenge)
  const record = recordOf(challenge, tag)
  t.same(passwordRecord.parse(record), record)
  t.same(challengeOf(record), challenge)
  t.notOk(JSON.stringify(record).includes(tag))
  t.ok(isPassword(record, tagHash(tag)))
  t.notOk(isPassword(record, tagHash(await passwordTag('großmutter', challenge))))
  t.not(newChallenge(COST, seededRandom(2)).salt, challenge.salt)
})

t.test('one spelling is hashed, and only what has a sensible length', async (t) => {
  t.equal(cleanPassword('Cafe\u0301'), 'Caf\u00e9', 'NFC')
  t.equal(cleanPassword('  with spaces  '), '  with spaces  ')
  t.equal(cleanPassword('ü'.repeat(512)).length, 512)
  for (const wrong of ['', 'x'.repeat(1025), 'ü'.repeat(513), 'half \ud83d'])
    t.throws(() => cleanPassword(wrong), { code: 'invalid-field', details: { field: 'password' } })
  t.throws(() => cleanPassword('', 'X-Password'), { message: /^X-Password: / })
})
