import t from 'tap'
import { formPassword, givenPassword, passwordHeader } from '../../../src/edge/http/password.ts'

/** A header as Node reads the bytes that were sent. */
const sent = (bytes: Buffer): string => bytes.toString('latin1')
const basic = (pair: Buffer | string): { authorization: string } => ({
  authorization: `Basic ${Buffer.from(pair).toString('base64')}`
})

t.test('a password comes in a header, as credentials or in a form', async (t) => {
  t.equal(givenPassword({ 'x-password': 'open sesame' }), 'open sesame')
  t.equal(givenPassword(basic(':open:sesame')), 'open:sesame', 'all behind the first colon')
  t.equal(givenPassword(basic('anybody:open sesame')), 'open sesame', 'whoever the user is')
  t.equal(givenPassword({ 'x-password': 'mine', ...basic('proxy:its') }), 'mine')
  t.equal(formPassword(' spaces stay '), ' spaces stay ')
  for (const none of [
    {},
    { 'x-password': '' },
    basic('user:'),
    basic('no colon'),
    { authorization: 'Bearer x' }
  ])
    t.equal(givenPassword(none), undefined)
  t.equal(formPassword(''), undefined)
  t.equal(formPassword(undefined), undefined)
})

t.test('in UTF-8, or in the older way where it is not that', async (t) => {
  const password = 'Größe 📎'
  t.equal(passwordHeader({ 'x-password': sent(Buffer.from(password)) }), password)
  t.equal(givenPassword(basic(`:${password}`)), password)
  t.equal(
    passwordHeader({ 'x-password': 'Gr\u00f6\u00dfe' }),
    'Größe',
    'ISO 8859-1, as browsers’ scripts send it'
  )
  t.equal(passwordHeader({ 'x-password': sent(Buffer.from('Cafe\u0301')) }), 'Caf\u00e9')
  t.throws(() => passwordHeader({ 'x-password': 'x'.repeat(1025) }), { code: 'invalid-field' })
})
