/** Which tokens an edge believes, and how often it asks for keys. */

import { SignJWT, UnsecuredJWT, exportJWK, generateKeyPair } from 'jose'
import type { CryptoKey, JWK, JWTPayload } from 'jose'
import t from 'tap'
import { AccessTokens } from '../../../src/edge/accounts/access-tokens.ts'
import { PeerbinError, hasCode } from '../../../src/errors.ts'
import { ManualClock, settle } from '../../kit/manual-clock.ts'

const USER = 'b2e6b7a4-5c7a-4b6e-9d38-0c6f1c5d2a11'
const SESSION = '0a4f3c1d-98c4-4d8e-8a52-7f7f0b8f3e22'
const AUDIENCE = 'cluster'

interface Pair {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

async function newPair(kid: string): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const { kty, crv, x } = await exportJWK(publicKey)
  if (kty === undefined || crv === undefined || x === undefined) throw new Error('no Ed25519 key')
  return { kid, privateKey, jwk: { kty, crv, x, kid, alg: 'EdDSA', use: 'sig' } }
}

async function start() {
  const clock = new ManualClock()
  const pair = await newPair('one')
  const published = [pair.jwk]
  const state = { fetches: 0, isReachable: true }
  const tokens = new AccessTokens({
    clock,
    fetchKeys: async () => {
      state.fetches++
      if (!state.isReachable) throw new PeerbinError('no-controller')
      return { keys: published, audience: AUDIENCE }
    }
  })
  const seconds = Math.floor(clock.now() / 1000)
  const claims: JWTPayload = {
    iss: 'peerbin',
    aud: AUDIENCE,
    sub: USER,
    sid: SESSION,
    iat: seconds,
    nbf: seconds,
    exp: seconds + 3600
  }
  const sign = async (
    change: Record<string, unknown> = {},
    { privateKey, kid }: Pair = pair,
    header: Record<string, unknown> = {}
  ): Promise<string> =>
    await new SignJWT({ ...claims, ...change })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid, ...header })
      .sign(privateKey)
  const outcome = async (token: string): Promise<string> =>
    await tokens.verify(token).then(
      () => 'good',
      (error: unknown) => (hasCode(error) ? error.code : String(error))
    )
  return { clock, tokens, pair, published, state, sign, outcome, seconds }
}

t.test('a token says who it was made for, for as long as it is good', async (t) => {
  const { clock, tokens, sign, outcome } = await start()
  const token = await sign()
  t.same(await tokens.verify(token), { user: USER, session: SESSION })
  clock.jump(3600_000 + 4000)
  t.equal(await outcome(token), 'good', 'clocks may be apart by some seconds')
  clock.jump(2000)
  t.equal(await outcome(token), 'credentials-invalid', 'expired')
})

t.test('whatever is wrong with a token, it is refused', async (t) => {
  const { pair, sign, outcome, seconds } = await start()
  const other = await newPair('one')
  const good = await sign()
  const [header = '', payload = '', signature = ''] = good.split('.')
  const text = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as JWTPayload
  const secret = new TextEncoder().encode(pair.jwk.x ?? '')
  const rsa = await generateKeyPair('RS256', { extractable: true })
  const bad: Record<string, string> = {
    'no algorithm': new UnsecuredJWT(claims).encode(),
    'no algorithm, with the kid': `${text({ alg: 'none', kid: 'one' })}.${payload}.`,
    'no algorithm, with the signature': `${text({ alg: 'none', typ: 'JWT', kid: 'one' })}.${payload}.${signature}`,
    'a secret in place of a key': await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid: 'one' })
      .sign(secret),
    'another algorithm': await new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'one' })
      .sign(rsa.privateKey),
    'another key with a kid that is known': await sign({}, other),
    'a changed payload': `${header}.${text({ ...claims, sub: SESSION })}.${signature}`,
    'a changed signature': `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
    'no signature': `${header}.${payload}.`,
    'no kid': await sign({}, pair, { kid: undefined }),
    'a key of its own in the header': await sign({}, other, { jwk: other.jwk }),
    'another type': await sign({}, pair, { typ: 'at+jwt' }),
    'another issuer': await sign({ iss: 'somebody' }),
    'another audience': await sign({ aud: 'another cluster' }),
    'no audience': await sign({ aud: undefined }),
    expired: await sign({ exp: seconds - 10 }),
    'no end': await sign({ exp: undefined }),
    'not yet': await sign({ nbf: seconds + 10 }),
    'no session': await sign({ sid: undefined }),
    'a session that is no id': await sign({ sid: 'x' }),
    'a user that is no id': await sign({ sub: `${USER} ` }),
    'far too long': await sign({ more: 'x'.repeat(4000) }),
    'not a token': 'abc',
    'two dots': '..',
    'a header that is null': `${Buffer.from('null').toString('base64url')}.${payload}.${signature}`,
    empty: ''
  }
  t.equal(await outcome(good), 'good')
  for (const [what, token] of Object.entries(bad)) t.equal(await outcome(token), 'credentials-invalid', what)
})

t.test('a new key is fetched when the first token comes that it signed', async (t) => {
  const { clock, published, state, sign, outcome } = await start()
  t.equal(await outcome(await sign()), 'good')
  const next = await newPair('two')
  published.push(next.jwk)
  const waiting = outcome(await sign({}, next))
  await clock.advance(2000)
  t.equal(await waiting, 'good')
  t.equal(await outcome(await sign()), 'good', 'and the older one is good as well')
  t.equal(state.fetches, 2)
})

t.test('kids that nobody has cost the controller one question in two seconds', async (t) => {
  const { clock, state, sign, outcome } = await start()
  t.equal(await outcome(await sign()), 'good')
  const unknown = await Promise.all(
    Array.from({ length: 300 }, async (_, i) => sign({}, await newPair(`x${i % 3}`)))
  )
  const outcomes = unknown.map(outcome)
  await settle()
  t.equal(state.fetches, 1, 'nothing is asked before its time')
  await clock.advance(2000)
  for (const each of outcomes) t.equal(await each, 'credentials-invalid')
  t.equal(state.fetches, 2)
})

t.test(
  'without a controller a token is good where its key is known, and a matter of waiting elsewhere',
  async (t) => {
    const { clock, state, sign, outcome } = await start()
    state.isReachable = false
    t.equal(await outcome(await sign()), 'no-controller')
    state.isReachable = true
    t.equal(await outcome(await sign()), 'good', 'a fetch that failed is no reason to wait')
    state.isReachable = false
    t.equal(await outcome(await sign()), 'good')
    t.equal(clock.timers, 0)
  }
)
