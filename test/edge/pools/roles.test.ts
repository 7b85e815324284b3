/** What each role of a pool may do, as one table: owner, producer, listener, server, an administrator who is no member, and a user who is none either. */

import t from 'tap'
import { register } from '../accounts/accounts-kit.ts'
import { formOf, manifestOf, newAdmin, startPool } from './pools-kit.ts'
import type { PoolWorld } from './pools-kit.ts'

const WHO = ['owner', 'producer', 'listener', 'server', 'admin', 'stranger'] as const
const ENDING = ['stranger', 'server', 'listener', 'producer', 'owner', 'admin'] as const
type Row = readonly [what: string, answers: readonly number[], body?: () => unknown]

const UNKNOWN = '00000000-0000-4000-8000-000000000001'
const file = (name: string) => ({ name, bytes: Buffer.from(name), at: Date.now() })

/** Paths below the pool. `BATCH` is one of the producer, `GROUP` one that is closed, `FILE` the producer's file in it, `DONE` one with a result. */
//                              owner, producer, listener, server, admin, stranger
const ROWS: readonly Row[] = [
  ['GET ', [200, 200, 200, 200, 200, 404]],
  ['PATCH ', [200, 403, 403, 403, 200, 404], () => ({ name: 'b' })],
  ['GET members', [200, 200, 200, 200, 200, 404]],
  ['POST members', [404, 403, 403, 403, 404, 404], () => ({ name: 'nobody', role: 'listener' })],
  [`PATCH members/${UNKNOWN}`, [404, 403, 403, 403, 404, 404], () => ({ role: 'listener' })],
  [`DELETE members/${UNKNOWN}`, [404, 403, 403, 403, 404, 404]],
  ['GET join-keys', [200, 403, 403, 403, 200, 404]],
  ['POST join-keys', [201, 403, 403, 403, 201, 404], () => ({ role: 'listener' })],
  [`DELETE join-keys/${UNKNOWN}`, [404, 403, 403, 403, 404, 404]],
  ['POST batches', [403, 201, 403, 403, 403, 404], () => formOf([file(`f${Math.random()}`)])],
  ['POST batches', [403, 201, 403, 403, 403, 404], () => manifestOf([file('x')])],
  ['GET batches/BATCH', [200, 200, 403, 200, 200, 404]],
  ['PUT batches/BATCH/files/0', [403, 422, 403, 403, 403, 404]],
  ['POST batches/BATCH/commit', [403, 409, 403, 403, 403, 404]],
  ['GET groups', [200, 200, 200, 200, 200, 404]],
  ['GET results', [200, 200, 200, 200, 200, 404]],
  ['GET groups/GROUP', [200, 200, 200, 200, 200, 404]],
  ['GET groups/GROUP/producers', [200, 403, 403, 200, 200, 404]],
  ['GET groups/GROUP/manifest', [200, 403, 403, 200, 200, 404]],
  ['GET groups/GROUP/files/FILE', [200, 200, 404, 200, 200, 404]],
  ['GET groups/GROUP/archive.tar', [200, 403, 403, 200, 200, 404]],
  ['GET groups/GROUP/archive.zip', [200, 403, 403, 200, 200, 404]],
  ['GET groups/DONE/result', [200, 200, 200, 200, 200, 404]],
  ['POST groups/DONE/close', [200, 403, 403, 200, 200, 404]],
  ['POST groups/DONE/retry', [409, 403, 403, 409, 409, 404]],
  ['POST groups/DONE/renew', [403, 403, 403, 409, 403, 404], () => ({ fence: 1000 })],
  ['POST groups/DONE/failure', [403, 403, 403, 409, 403, 404], () => ({ fence: 1000, reason: 'x' })],
  ['PUT groups/DONE/result?fence=1000', [403, 403, 403, 409, 403, 404]],
  // the last: it takes the group
  ['POST work', [403, 403, 403, 200, 403, 404]],
  ['DELETE batches/BATCH', [200, 200, 403, 403, 200, 404]],
  ['DELETE ', [200, 403, 403, 403, 404, 404]]
]

async function namesOf(world: PoolWorld): Promise<Record<string, string>> {
  const done = await world.closedGroup([file('a')])
  const { fence } = await world.lease()
  await world.raw('PUT', `groups/${done}/result?fence=${fence}`, 'x', world.server)
  const group = await world.closedGroup([file('b')])
  const { bytes } = await world.fetch(`groups/${group}/manifest`, world.server)
  const opened = await world.announce([file('c')])
  const entry = (JSON.parse(bytes.toString()) as { file: string }).file
  return { BATCH: String(opened.json['batch']), GROUP: group, FILE: entry, DONE: done }
}

t.test('everybody may what their role says', async (t) => {
  const world = await startPool(t, { config: { pools: { batchesPerMember: 100 } } })
  const admin = await newAdmin(world.edges, 'admin')
  const stranger = await register(world.url, 'stranger')
  const { owner, producer, listener, server } = world
  const tokens = {
    owner: owner.token,
    producer,
    listener,
    server,
    admin: admin.token,
    stranger: stranger.token
  }
  const names = await namesOf(world)
  for (const [pattern, answers, body] of ROWS) {
    const what = pattern.replace(/BATCH|GROUP|FILE|DONE/g, (name) => names[name] ?? name)
    // whoever ends something comes last
    const order = pattern.startsWith('DELETE ') ? ENDING : WHO
    for (const who of order) {
      const asked = { token: tokens[who], ...(body !== undefined && { body: body() }) }
      const { status, json } = await world.ask(what, asked)
      t.equal(status, answers[WHO.indexOf(who)], `${pattern}: ${who} ${JSON.stringify(json)}`)
    }
  }
})

t.test('whether somebody may listen is told without a body, too', async (t) => {
  const world = await startPool(t)
  const stranger = await register(world.url, 'stranger')
  const ask = async (token: string) => (await world.fetch('events', token, {}, 'HEAD')).status
  for (const token of [world.owner.token, world.producer, world.listener, world.server])
    t.equal(await ask(token), 200)
  t.equal(await ask(stranger.token), 404)
  t.equal(await ask('pbk_none'), 401)
})
