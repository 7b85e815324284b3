/** Pools, who is in them, and how they come in. */

import t from 'tap'
import { api, newKey, register, textOf } from '../accounts/accounts-kit.ts'
import { startEdges } from '../edge-cluster.ts'
import { PoolWorld, UNLIMITED, codeOf, newAdmin, startPool } from './pools-kit.ts'

t.test('a pool is made with what follows from its frequency, changed in parts, and deleted', async (t) => {
  const edges = await startEdges(t, { config: UNLIMITED })
  const url = edges.url()
  const { token, id } = await register(url, 'owner')
  const made = await api(url, 'POST /api/pools', {
    token,
    body: { name: ' rounds ', settings: { frequency_s: 120 } }
  })
  t.equal(made.status, 201)
  const pool = textOf(made, 'pool')
  t.equal(made.headers.get('location'), `/api/pools/${pool}`)
  t.match(made.json, {
    name: 'rounds',
    state: 'active',
    role: 'owner',
    created_by: id,
    settings: {
      frequency_s: 120,
      window_s: 120,
      grace_s: 12,
      tolerance_s: 300,
      max_age_s: 30 * 24 * 3600,
      close_at_producers: null,
      lease_s: 600,
      attempts_max: 3,
      files_kept_s: 7 * 24 * 3600,
      results_kept_s: 30 * 24 * 3600
    }
  })
  const path = `/api/pools/${pool}`
  const changed = await api(url, `PATCH ${path}`, { token, body: { settings: { grace_s: 1.5 } } })
  t.match(changed.json, { settings: { frequency_s: 120, grace_s: 1.5 }, used_bytes: 0, quota_bytes: Number })
  const { revision } = changed.json
  t.equal((await api(url, `PATCH ${path}`, { token, body: { revision, name: 'b' } })).status, 200)
  const stale = await api(url, `PATCH ${path}`, { token, body: { revision, name: 'c' } })
  t.equal(codeOf(stale), '409 pool-conflict')
  const archived = await api(url, `PATCH ${path}`, { token, body: { state: 'archived' } })
  t.match(archived.json, { state: 'archived', name: 'b' })
  t.match((await api(url, 'GET /api/pools', { token })).json, {
    pools: [{ pool, role: 'owner' }],
    next: null
  })

  const wrong: Array<[unknown, string]> = [
    [{ settings: { frequency_s: 1 } }, 'settings.frequency_s'],
    [{ settings: { window_s: 3e9 } }, 'settings.window_s'],
    [{ settings: { close_at_producers: 0 } }, 'settings.close_at_producers'],
    [{ settings: { nothing: 1 } }, 'nothing'],
    [{ name: '   ' }, 'name'],
    [{ name: 'x'.repeat(101) }, 'name'],
    [{ state: 'deleting' }, 'state']
  ]
  for (const [body, field] of wrong) {
    const answer = await api(url, `PATCH ${path}`, { token, body })
    t.equal(codeOf(answer), '422 invalid-field', JSON.stringify(body))
    t.equal(answer.json['field'], field)
  }
  t.equal(
    codeOf(await api(url, `PATCH ${path}`, { token, body: { quota_bytes: 1 } })),
    '403 permission-denied'
  )
  const admin = await newAdmin(edges, 'admin')
  const bounded = await api(url, `PATCH ${path}`, { token: admin.token, body: { quota_bytes: 1000 } })
  t.match(bounded.json, { quota_bytes: 1000, role: null, member: null })
  const all = await api(url, 'GET /api/pools?all=1', { token: admin.token })
  t.match(all.json, { pools: [{ pool, role: null }] })
  t.same((await api(url, 'GET /api/pools', { token: admin.token })).json, { pools: [], next: null })

  t.equal((await api(url, `DELETE ${path}`, { token })).status, 200)
  t.equal(codeOf(await api(url, `GET ${path}`, { token })), '404 pool-unknown')
  t.equal(codeOf(await api(url, 'GET /api/pools/nonsense', { token })), '404 pool-unknown')
})

t.test('people and programs join by a key, for as long as that is good', async (t) => {
  const world = await startPool(t)
  const { url, owner, pool } = world
  const made = await world.ask('POST join-keys', {
    token: owner.token,
    body: { role: 'producer', uses: 1, expires_s: 3600 }
  })
  t.equal(made.status, 201)
  const key = textOf(made, 'key')
  t.match(key, /^pbjoin_[A-Za-z0-9_-]{43}$/)
  t.equal(made.json['url'], `/pools/join#${key}`)
  const look = await api(url, 'POST /api/pools/join/look', { body: { key } })
  t.match(look.json, { pool, name: 'a pool', role: 'producer', settings: { frequency_s: 3600 } })
  const joined = await api(url, 'POST /api/pools/join', { body: { key, name: 'a sensor' } })
  t.equal(joined.status, 201)
  t.match(joined.json, {
    pool: { pool, role: 'producer' },
    member: { name: 'a sensor', role: 'producer', program: true, last_sent_at: null },
    token: /^pbk_/
  })
  t.match(
    (await world.ask('GET ', { token: textOf(joined, 'token') })).json,
    { pool, member: { name: 'a sensor' } },
    'its key opens the pool'
  )
  const own = await api(url, 'GET /api/files/list', { token: textOf(joined, 'token') })
  t.equal(codeOf(own), '403 permission-denied', 'and nothing else')
  t.equal(
    codeOf(await api(url, 'POST /api/pools/join', { body: { key } })),
    '403 join-key-invalid',
    'used up'
  )
  for (const bad of ['', 'pbjoin_x', `pbjoin_${'A'.repeat(43)}`])
    t.equal(
      codeOf(await api(url, 'POST /api/pools/join/look', { body: { key: bad } })),
      '403 join-key-invalid'
    )

  const other = await register(url, 'other')
  const second = await world.joinKey('listener')
  const taken = await api(url, 'POST /api/pools/join', { body: { key: second, name: 'A Sensor' } })
  t.equal(codeOf(taken), '409 name-taken')
  const asUser = await api(url, 'POST /api/pools/join', { token: other.token, body: { key: second } })
  t.match(asUser.json, { member: { user: other.id, role: 'listener', program: false } })
  t.notOk('token' in asUser.json)
  const scoped = await newKey(url, other.token, ['files:read'])
  const refused = await api(url, 'POST /api/pools/join', { token: scoped, body: { key: second } })
  t.equal(codeOf(refused), '403 permission-denied', 'a key without the scope')
  t.equal(
    codeOf(await api(url, 'POST /api/pools/join', { token: 'pbk_nonsense', body: { key: second } })),
    '401 credentials-invalid'
  )

  const { json } = await world.ask('GET join-keys', { token: owner.token })
  const keys = json['keys'] as Array<Record<string, unknown>>
  t.notOk(JSON.stringify(keys).includes('pbjoin_'), 'keys are not shown again')
  const id = String(keys.find(({ role, uses }) => role === 'listener' && uses === 1)?.['id'])
  t.equal((await world.ask(`DELETE join-keys/${id}`, { token: owner.token })).status, 200)
  t.equal(codeOf(await world.ask(`DELETE join-keys/${id}`, { token: owner.token })), '404 join-key-unknown')
})

t.test('owners see to members; nobody else does, and the last owner stays', async (t) => {
  const world = await startPool(t)
  const { url, owner } = world
  const other = await register(url, 'other')
  t.equal(codeOf(await world.ask('GET ', { token: other.token })), '404 pool-unknown', 'not a member')
  const add = { name: 'other', role: 'producer' }
  t.equal(
    codeOf(await world.ask('POST members', { token: world.producer, body: add })),
    '403 permission-denied'
  )
  const added = await world.ask('POST members', { token: owner.token, body: add })
  t.equal(added.status, 201)
  t.match(added.json, { user: other.id, name: 'other', role: 'producer', program: false })
  const nobody = { name: 'nobody', role: 'listener' }
  t.equal(codeOf(await world.ask('POST members', { token: owner.token, body: nobody })), '404 user-unknown')
  const listed = await world.ask('GET members?limit=2', { token: owner.token })
  const first = listed.json as { members: Array<{ user: string }>; next: string }
  const rest = await world.ask(`GET members?after=${first.next}`, { token: owner.token })
  const users = [...first.members, ...(rest.json as typeof first).members].map(({ user }) => user)
  t.equal(new Set(users).size, 5)
  const seen = (await world.ask('GET members', { token: world.listener })).json as typeof first
  t.equal(seen.members.length, 2, 'a listener sees itself and the owner')
  const role = await world.ask(`PATCH members/${other.id}`, { token: owner.token, body: { role: 'server' } })
  t.match(role.json, { role: 'server' })
  t.equal(
    codeOf(await world.ask('PATCH members/me', { token: owner.token, body: { role: 'listener' } })),
    '409 last-owner'
  )
  t.equal(codeOf(await world.ask('DELETE members/me', { token: owner.token })), '409 last-owner')
  t.equal(codeOf(await world.ask('DELETE members/x', { token: owner.token })), '404 member-unknown')
  t.equal((await world.ask('DELETE members/me', { token: other.token })).status, 200, 'everybody may go')
  t.equal(codeOf(await world.ask('GET ', { token: other.token })), '404 pool-unknown')
  t.equal((await world.ask(`DELETE members/${world.producerId}`, { token: owner.token })).status, 200)
  t.equal(
    codeOf(await world.ask('GET ', { token: world.producer })),
    '401 credentials-invalid',
    'the account of a program ends with its membership'
  )
})

t.test('keys are not found by trying', async (t) => {
  const edges = await startEdges(t, { config: { account: { signInsPerMinute: 12 } } })
  const world = await PoolWorld.make(edges)
  const body = { key: `pbjoin_${'A'.repeat(43)}` }
  const codes = new Set<string>()
  // the rate may give some back meanwhile, but not for so many
  for (let i = 0; i < 60 && !codes.has('429 too-many-sign-ins'); i++)
    codes.add(codeOf(await api(world.url, `POST /api/pools/join${i % 2 === 0 ? '' : '/look'}`, { body })))
  t.same([...codes], ['403 join-key-invalid', '429 too-many-sign-ins'])
})
