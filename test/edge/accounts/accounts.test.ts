/** Accounts over HTTP: what users and programs meet, and what bad input does. */

import t from 'tap'
import { until } from '../../kit/until.ts'
import { startEdges } from '../edge-cluster.ts'
import { PASSWORD, api, newAdmin, newKey, register, signIn, textOf } from './accounts-kit.ts'

const edges = await startEdges(t, {
  nodes: 1,
  config: {
    account: { signInsPerMinute: 0, registrationsPerAddress: 0, signInAttemptsPerAddress: 1000 },
    edge: { port: 0, trustedProxies: ['127.0.0.1'] }
  }
})
const url = edges.url()
const admin = await newAdmin(edges, 'the admin')

t.test('who registers is signed in at once, and the token says who', async (t) => {
  const made = await api(url, 'POST /api/register', { body: { username: 'Ada', password: PASSWORD } })
  t.equal(made.status, 201)
  t.match(made.json, { message: String, user_id: /^[0-9a-f-]{36}$/, username: 'Ada', role: 'user' })
  t.notOk(made.headers.has('set-cookie'), 'no cookie unless one is asked for')
  const token = textOf(made, 'access_token')
  const valid = await api(url, 'GET /api/validate', { token })
  t.match(valid.json, {
    valid: true,
    user_id: made.json['user_id'],
    username: 'Ada',
    role: 'user',
    kind: 'session'
  })
  t.ok(Date.parse(textOf(valid, 'expires_at')) > Date.now())
  const header = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as object
  t.match(header, { alg: 'EdDSA', kid: String })

  const again = await api(url, 'POST /api/login', { body: { username: 'aDA', password: PASSWORD } })
  t.equal(again.status, 200)
  t.match(again.json, { message: String, user_id: made.json['user_id'], access_token: String })
  for (const [username, password] of [
    ['Ada', 'another password'],
    ['nobody', PASSWORD],
    ['Ada', 'x'],
    ['Ada', 'x'.repeat(10_000)],
    ['x'.repeat(10_000), PASSWORD]
  ] as const) {
    const refused = await api(url, 'POST /api/login', { body: { username, password } })
    t.equal(refused.status, 401)
    t.match(refused.json, { error: 'Invalid credentials', code: 'login-failed', status: 401 })
    t.match(refused.headers.get('content-type'), 'application/problem+json')
  }
  t.equal((await api(url, 'HEAD /api/validate', { token })).status, 200)
})

t.test('names that look the same are one name', async (t) => {
  await register(url, 'Zoë Straße')
  for (const username of [
    'zoë straße',
    'ZOË STRASSE',
    'Zoe\u0308 Straße',
    '  Zoë   Straße ',
    'Ｚoë Straße'
  ]) {
    const { status, json } = await api(url, 'POST /api/register', { body: { username, password: PASSWORD } })
    t.equal(status, 409, username)
    t.match(json, { code: 'name-taken', error: String })
    if (username.length < 12) t.ok(await signIn(url, username), 'and sign in as one')
  }
  for (const username of [
    '',
    ' ',
    'a\u0000b',
    'a\nb',
    'ab\u202e',
    'a\u200bb',
    'x'.repeat(65),
    '<script>',
    '\ud800'
  ]) {
    const { status, json } = await api(url, 'POST /api/register', { body: { username, password: PASSWORD } })
    t.equal(status, 422, JSON.stringify(username))
    t.match(json, { code: 'invalid-field', field: 'username' })
  }
})

t.test('a password has 8 to 1024 bytes, and its Unicode form does not matter', async (t) => {
  const ask = async (password: string) =>
    await api(url, 'POST /api/register', { body: { username: `p${password.length}`, password } })
  for (const password of ['x', '1234567', 'x'.repeat(1025), 'x'.repeat(10_000), '\ud800'.repeat(10)]) {
    const { status, json } = await ask(password)
    t.equal(status, 422)
    t.match(json, { code: 'invalid-field', field: 'password' })
    t.notMatch(JSON.stringify(json), password, 'it is not repeated')
  }
  for (const password of ['12345678', 'x'.repeat(1024), 'é'.repeat(9)])
    t.equal((await ask(password)).status, 201)
  t.ok(await signIn(url, 'p9', 'e\u0301'.repeat(9)))
})

t.test('a body is a small JSON object of which every field is known', async (t) => {
  const post = async (body: string, type = 'application/json') => {
    const headers = { 'content-type': type }
    const answer = await fetch(`${url}/api/login`, { method: 'POST', body, headers })
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
  }
  t.match(await post('{'), { status: 400, json: { code: 'bad-request', error: String } })
  t.match(await post('[]'), { status: 400, json: { code: 'bad-request' } })
  t.match(await post('null'), { status: 400 })
  t.match(await post(''), { status: 400 })
  t.match(await post('{}', 'text/plain'), { status: 415, json: { code: 'media-type-unsupported' } })
  t.match(await post('{"username":"a"}'), { status: 422, json: { field: 'password' } })
  t.match(await post('{"username":"a","password":5}'), { status: 422, json: { field: 'password' } })
  t.match(await post('{"username":"a","password":"b","admin":true}'), {
    status: 422,
    json: { field: 'admin' }
  })
  t.match(await post('{"username":"a","password":"b","__proto__":{}}'), { status: 422 })
  t.match(await post(JSON.stringify({ username: 'x'.repeat(70_000), password: 'b' })), {
    status: 413,
    json: { code: 'too-large' }
  })
  const html = await fetch(`${url}/api/nothing`, { headers: { accept: 'text/html' } })
  t.equal(html.status, 404)
  t.match(await html.json(), { code: 'not-found', error: String }, 'errors are JSON, whatever is asked for')
  const method = await api(url, 'PUT /api/me')
  t.equal(method.status, 405)
  t.match(method.headers.get('allow'), /PATCH/)
})

t.test('a cookie is for pages of this server only', async (t) => {
  const login = async (headers: Record<string, string>) =>
    await api(url, 'POST /api/login', {
      body: { username: 'the admin', password: PASSWORD, cookie: true },
      headers
    })
  const foreign = { origin: 'https://example.org' }
  t.match(await login(foreign), { status: 403, json: { code: 'origin-forbidden' } })
  const made = await login({ origin: url })
  const set = made.headers.get('set-cookie') ?? ''
  t.match(set, /^peerbin_session=[^;]+;.*Path=\/.*HttpOnly.*SameSite=Strict/)
  t.notMatch(set, /Secure/)
  const secure = await login({ 'x-forwarded-proto': 'https', 'sec-fetch-site': 'same-origin' })
  t.match(secure.headers.get('set-cookie'), /Secure/, 'behind a proxy that ends TLS')

  const cookie = set.split(';')[0] ?? ''
  t.equal((await api(url, 'GET /api/me', { headers: { cookie } })).status, 200)
  const change = async (headers: Record<string, string>) =>
    await api(url, 'PATCH /api/me', { body: {}, headers: { cookie, ...headers } })
  t.equal((await change({ origin: url })).status, 200)
  t.equal((await change({ 'sec-fetch-site': 'same-origin' })).status, 200)
  for (const headers of [
    {},
    foreign,
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1' },
    { 'sec-fetch-site': 'same-site', origin: url },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'none' }
  ])
    t.match(
      await change(headers),
      { status: 403, json: { code: 'origin-forbidden' } },
      JSON.stringify(headers)
    )
  const bearer = await api(url, 'PATCH /api/me', {
    token: admin.token,
    body: {},
    headers: { cookie, ...foreign }
  })
  t.equal(bearer.status, 200, 'who shows a token needs no cookie')
  const wrong = await api(url, 'GET /api/me', { token: 'abc', headers: { cookie } })
  t.equal(wrong.status, 401, 'and a wrong one is not made good by a cookie')
  const out = await api(url, 'POST /api/logout', { headers: { cookie, origin: url } })
  t.match(out.headers.get('set-cookie'), /^peerbin_session=;/)
  t.equal((await api(url, 'GET /api/me', { headers: { cookie } })).status, 401)
})

t.test('credentials that are none of ours, or not good', async (t) => {
  const ask = async (authorization: string) => await api(url, 'GET /api/me', { headers: { authorization } })
  const [header = '', payload = '', signature = ''] = admin.token.split('.')
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')
  const other = Buffer.from(JSON.stringify({ alg: 'EdDSA', typ: 'JWT', kid: 'other' })).toString('base64url')
  t.equal((await ask(`bearer ${admin.token}`)).status, 200, 'the scheme has no case')
  for (const text of [
    'Bearer',
    'Bearer  ',
    `Bearer ${none}.${payload}.`,
    `Bearer ${other}.${payload}.${signature}`,
    `Bearer ${header}.${payload.slice(0, -2)}AA.${signature}`,
    `Bearer ${header}.${payload}.${signature.slice(0, -8)}AAAAAAAA`,
    `Bearer pbk_${'A'.repeat(43)}`,
    'Bearer pbk_short',
    `Bearer ${'x'.repeat(5000)}`
  ])
    t.match(await ask(text), { status: 401, json: { code: 'credentials-invalid' } }, text.slice(0, 40))
  t.match(await ask('Basic YWRhOnNlY3JldA=='), { status: 401, json: { code: 'credentials-missing' } })
})

t.test('my name and my password', async (t) => {
  const user = await register(url, 'grace')
  const elsewhere = await signIn(url, 'grace')
  const key = await newKey(url, user.token, ['account'])
  const renamed = await api(url, 'PATCH /api/me', { token: user.token, body: { username: 'Grace H.' } })
  t.match(renamed.json, { username: 'Grace H.', role: 'user', state: 'active' })
  t.match(await api(url, 'GET /api/validate', { token: user.token }), { json: { username: 'Grace H.' } })
  t.match(await api(url, 'PATCH /api/me', { token: user.token, body: { username: 'ADA' } }), { status: 409 })

  const change = async (old_password: string, new_password: string, token = user.token, keys = false) =>
    await api(url, 'POST /api/me/password', { token, body: { old_password, new_password, keys } })
  t.match(await change('not the old one', 'a new password'), { status: 401, json: { code: 'login-failed' } })
  t.match(await change(PASSWORD, 'short'), { status: 422, json: { field: 'new_password' } })
  t.equal((await api(url, 'GET /api/me', { token: elsewhere })).status, 200)
  t.equal((await change(PASSWORD, 'a new password')).status, 200)
  t.equal((await api(url, 'GET /api/me', { token: user.token })).status, 200, 'the session that did it stays')
  t.equal((await api(url, 'GET /api/me', { token: elsewhere })).status, 401, 'others end')
  t.equal((await api(url, 'GET /api/me', { token: key })).status, 200, 'keys stay')
  t.equal((await change('a new password', PASSWORD, user.token, true)).status, 200)
  t.equal((await api(url, 'GET /api/me', { token: key })).status, 401, 'unless they are to go')
  t.ok(await signIn(url, 'grace h.'))
})

t.test('sessions and keys are listed and ended one by one', async (t) => {
  const user = await register(url, 'linus')
  const login = await api(url, 'POST /api/login', {
    body: { username: 'linus', password: PASSWORD },
    headers: { 'user-agent': `a browser\t${'x'.repeat(300)}` }
  })
  const second = textOf(login, 'access_token')
  const listed = (await api(url, 'GET /api/me/sessions', { token: user.token })).json['sessions'] as Array<
    Record<string, unknown>
  >
  t.equal(listed.length, 2)
  const other = listed.find(({ current }) => current === false)
  t.match(other?.['name'], /^a browser x{180,}$/)
  t.equal(String(other?.['name']).length, 200)
  t.equal(
    (await api(url, `DELETE /api/me/sessions/${String(other?.['session_id'])}`, { token: user.token }))
      .status,
    200
  )
  t.equal((await api(url, 'GET /api/me', { token: second })).status, 401)
  for (const id of ['x', '00000000-0000-4000-8000-000000000000'])
    t.match(await api(url, `DELETE /api/me/sessions/${id}`, { token: user.token }), { status: 404 })

  const made = await api(url, 'POST /api/me/keys', {
    token: user.token,
    body: { name: 'backup', scopes: ['files:read', 'account'], expires_in: 3600 }
  })
  t.equal(made.status, 201)
  const key = textOf(made, 'key')
  t.match(key, /^pbk_[A-Za-z0-9_-]{43}$/)
  t.match(await api(url, 'GET /api/validate', { token: key }), {
    json: { kind: 'key', username: 'linus', scopes: ['files:read', 'account'] }
  })
  const list = await api(url, 'GET /api/me/keys', { token: user.token })
  t.match(list.json, { keys: [{ name: 'backup', key_id: made.json['key_id'] }] })
  t.notMatch(JSON.stringify(list.json), 'pbk_', 'a key is shown once')
  const more = { name: 'more', scopes: ['files:write'] }
  t.match(await api(url, 'POST /api/me/keys', { token: key, body: more }), {
    status: 403,
    json: { code: 'permission-denied' }
  })
  const heir = await api(url, 'POST /api/me/keys', {
    token: key,
    body: { name: 'heir', scopes: ['files:read'], expires_in: 1_000_000 }
  })
  t.match(heir, { status: 201, json: { expires_at: made.json['expires_at'] } }, 'nor one that lives longer')
  for (const body of [
    { name: '', scopes: ['account'] },
    { name: 'x', scopes: [] },
    { name: 'x', scopes: ['root'] },
    { name: 'x', scopes: ['account'], expires_in: 0 }
  ])
    t.equal((await api(url, 'POST /api/me/keys', { token: user.token, body })).status, 422)
  t.equal(
    (await api(url, `DELETE /api/me/keys/${textOf(made, 'key_id')}`, { token: user.token })).status,
    200
  )
  t.equal((await api(url, 'GET /api/me', { token: key })).status, 401)
})

t.test('an administrator lists, changes and disables users', async (t) => {
  const { token } = admin
  const user = await register(url, 'mallory')
  const key = await newKey(url, user.token, ['files:read'])
  const found = await api(url, 'GET /api/users?search=MALL', { token })
  t.match(found.json, { users: [{ user_id: user.id, username: 'mallory', role: 'user', state: 'active' }] })
  let after: string | null = null
  const names: string[] = []
  do {
    const query = after === null ? '' : `&after=${encodeURIComponent(after)}`
    const page = await api(url, `GET /api/users?limit=2${query}`, { token })
    names.push(...(page.json['users'] as Array<{ username: string }>).map(({ username }) => username))
    after = page.json['next'] as string | null
  } while (after !== null)
  t.equal(new Set(names).size, names.length)
  t.ok(names.includes('mallory') && names.includes('the admin'))
  for (const query of ['limit=0', 'limit=x', 'limit=1000', 'more=1'])
    t.equal((await api(url, `GET /api/users?${query}`, { token })).status, 422, query)

  const patch = async (id: string, body: object) => await api(url, `PATCH /api/users/${id}`, { token, body })
  t.match(await patch(user.id, { quota_bytes: 5 }), { json: { quota_bytes: 5 } })
  t.match(await patch(user.id, { quota_bytes: null }), { json: { quota_bytes: 10 * 1024 ** 3 } })
  t.match(await patch(user.id, { quota_bytes: -1 }), { status: 422 })
  t.match(await patch(user.id, { state: 'disabled' }), { json: { state: 'disabled' } })
  t.equal((await api(url, 'GET /api/me', { token: user.token })).status, 401)
  t.equal((await api(url, 'GET /api/me', { token: key })).status, 401)
  const login = await api(url, 'POST /api/login', { body: { username: 'mallory', password: PASSWORD } })
  t.match(login, { status: 403, json: { code: 'user-disabled' } })
  t.match(await patch(user.id, { state: 'active', role: 'admin' }), { json: { role: 'admin' } })
  const second = await signIn(url, 'mallory')
  t.equal((await api(url, 'GET /api/users', { token: second })).status, 200)
  t.equal((await patch(user.id, { role: 'user' })).status, 200)
  t.equal((await api(url, 'GET /api/users', { token: second })).status, 403)
  t.match(await patch(admin.id, { role: 'user' }), { status: 409, json: { code: 'last-admin' } })
  t.match(await patch(admin.id, { state: 'disabled' }), { status: 409, json: { code: 'last-admin' } })
  for (const id of ['x', '00000000-0000-4000-8000-000000000000'])
    t.match(await patch(id, {}), { status: 404 })

  const reset = { new_password: 'chosen by the admin' }
  t.equal((await api(url, `POST /api/users/${user.id}/password`, { token, body: reset })).status, 200)
  t.ok(await signIn(url, 'mallory', 'chosen by the admin'))
  const body = { username: 'made for somebody', password: PASSWORD, quota_bytes: 7 }
  t.match(await api(url, 'POST /api/users', { token, body }), { status: 201, json: { quota_bytes: 7 } })
  t.ok(await signIn(url, 'made for somebody'))
})

t.test('an invitation works once', async (t) => {
  const made = await api(url, 'POST /api/invites', { token: admin.token, body: { role: 'admin' } })
  const invite = textOf(made, 'invite')
  t.equal(made.json['invite_url'], `${url}/sign-up#${invite}`)
  const use = async (username: string, secret = invite) =>
    await api(url, 'POST /api/register', { body: { username, password: PASSWORD, invite: secret } })
  t.match(await use('invited'), { status: 201, json: { role: 'admin' } })
  t.match(await use('a second one'), { status: 403, json: { code: 'invite-invalid' } })
  t.match(await use('guessing', 'x'), { status: 403, json: { code: 'invite-invalid' } })
  const { json } = await api(url, 'GET /api/invites', { token: admin.token })
  t.match(json, {
    invites: [{ invite_id: made.json['invite_id'], role: 'admin', used_by: String }],
    next: null
  })
  t.notMatch(JSON.stringify(json), invite)
})

t.test('what is done with accounts stands in the history, and no secret with it', async (t) => {
  const user = await register(url, 'barbara')
  await api(url, 'POST /api/login', { body: { username: 'barbara', password: 'not her password' } })
  const second = await signIn(url, 'barbara')
  const key = await newKey(url, second, ['files:read'])
  const listed = await api(url, 'GET /api/me/keys', { token: second })
  const [{ key_id: keyId = '' } = {}] = listed.json['keys'] as Array<{ key_id?: string }>
  await api(url, `DELETE /api/me/keys/${keyId}`, { token: second })
  const change = { old_password: PASSWORD, new_password: 'another password' }
  await api(url, 'POST /api/me/password', { token: second, body: change })
  await api(url, 'POST /api/logout', { token: second })
  const patch = async (body: object) =>
    await api(url, `PATCH /api/users/${user.id}`, { token: admin.token, body })
  await patch({ role: 'admin', quota_bytes: 5 })
  await patch({ state: 'disabled' })
  await patch({ state: 'active' })
  const expected =
    'register login-failed login key.created key.revoked password logout user.role user.quota user.disabled user.enabled'
  let text = ''
  await until('all of it is kept', async () => {
    const { json } = await api(url, `GET /api/users/${user.id}/history`, { token: admin.token })
    const records = json['records'] as Array<{ action: string }>
    text = JSON.stringify(records)
    return (
      records
        .map(({ action }) => action)
        .toReversed()
        .join(' ') === expected
    )
  })
  const failed = await api(url, 'GET /api/access-log?action=login-failed', { token: admin.token })
  t.match(failed.json['records'], [{ actor_id: null, actor_name: 'barbara', outcome: 'login-failed' }])
  for (const secret of [key, second, user.token, PASSWORD, 'another password', 'not her password'])
    t.notMatch(text + JSON.stringify(failed.json), secret)
})

t.test('nothing of an account is told to whoever does not know the password', async (t) => {
  const other = await register(url, 'eve')
  const target = `/api/users/${admin.id}`
  for (const what of [`GET ${target}`, `PATCH ${target}`, `POST ${target}/password`]) {
    const { status, json } = await api(url, what, {
      token: other.token,
      body: what.startsWith('GET') ? undefined : {}
    })
    t.equal(status, 403)
    t.notMatch(JSON.stringify(json), 'the admin')
  }
})
