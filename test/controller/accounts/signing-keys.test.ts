import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import t from 'tap'
import { SETTINGS } from '../../../src/controller/settings.ts'
import { AccountWorld, SECRET } from './account-world.ts'

const DAY = 24 * 3600 * 1000

/** As an edge does it. */
async function verify(world: AccountWorld, token: string) {
  const { keys, audience, now } = await world.call('signingKeys', {})
  return await jwtVerify(token, createLocalJWKSet({ keys }), {
    algorithms: ['EdDSA'],
    issuer: 'peerbin',
    audience,
    currentDate: new Date(now)
  })
}

t.test('a token says whose it is, for whom, and how long', async (t) => {
  const world = await AccountWorld.make()
  const { user, session, token } = await world.register('somebody')
  const { payload, protectedHeader } = await verify(world, token)
  const seconds = Math.floor(session.createdAt / 1000)
  const { audience, keys } = await world.call('signingKeys', {})
  t.strictSame(payload, {
    sid: session.id,
    iss: 'peerbin',
    aud: audience,
    sub: user.id,
    iat: seconds,
    nbf: seconds,
    exp: seconds + 30 * 24 * 3600
  })
  t.strictSame(protectedHeader, { alg: 'EdDSA', typ: 'JWT', kid: keys[0]?.kid })
  t.notOk(JSON.stringify(keys).includes('"d"'), 'no private key leaves the controller')
  const [head, body, tag = ''] = token.split('.')
  const changed = `${head}.${body}.${tag.slice(0, 20)}${tag[20] === 'A' ? 'B' : 'A'}${tag.slice(21)}`
  await t.rejects(verify(world, changed), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })
})

t.test('keys stay over a restart, and are sealed where they are kept', async (t) => {
  const world = await AccountWorld.make()
  const { token } = await world.register('somebody')
  const before = await world.call('signingKeys', {})
  world.restart()
  t.strictSame(await world.call('signingKeys', {}), before)
  await verify(world, token)
  const kept = Buffer.from((await world.store.readSetting(SETTINGS.signingKeys)) ?? '', 'base64')
  t.ok(kept.byteLength > 100)
  t.notOk(kept.toString('latin1').includes('seed'))
  world.restart(
    {},
    SECRET.map((byte) => byte + 1)
  )
  await t.rejects(verify(world, token), { code: 'ERR_JWKS_NO_MATCHING_KEY' }, 'another cluster signs anew')
})

t.test('a new key takes over in time, and the old one verifies what it has signed', async (t) => {
  const world = await AccountWorld.make({ keyRotationMs: 10 * DAY, sessionMs: 5 * DAY })
  const kidOf = (token: string) => decodeProtectedHeader(token).kid
  const first = await world.register('a')
  await world.clock.advance(9 * DAY)
  const second = await world.register('b')
  t.equal(kidOf(second.token), kidOf(first.token))
  await world.clock.advance(2 * DAY)
  const [third, fourth] = await Promise.all([world.register('c'), world.register('d')])
  t.not(kidOf(third.token), kidOf(first.token))
  t.equal(kidOf(fourth.token), kidOf(third.token), 'one new key for all who ask at once')
  t.equal((await world.call('signingKeys', {})).keys.length, 2)
  await verify(world, second.token)
  await world.clock.advance(11 * DAY)
  const { keys } = await world.call('signingKeys', {})
  t.notOk(
    keys.some(({ kid }) => kid === kidOf(first.token)),
    'everything that the first has signed is over'
  )
})
