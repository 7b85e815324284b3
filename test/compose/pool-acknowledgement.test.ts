import { createHash, randomBytes, randomUUID } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { openPeer } from '../../src/compose/peer.ts'
import { RunningPeer } from '../../src/compose/running-peer.ts'
import { shareParts } from '../../src/compose/share-parts.ts'
import { batchPath, poolOwner, resultPath } from '../../src/pools.ts'
import type {
  BatchFile,
  BatchId,
  GroupId,
  JoinKeyId,
  PoolId,
  PoolRole,
  PoolSettings
} from '../../src/pools.ts'
import { batchDigest } from '../../src/protocol/pool-batches.ts'
import type { EntryId, Scope, SecretHash, SessionId, UserId } from '../../src/types.ts'
import { until } from '../kit/until.ts'
import { RecoveryKit } from './recovery-kit.ts'

t.setTimeout(400_000)

const SCOPES: Scope[] = ['pools']
const HOUR_MS = 3_600_000
const SETTINGS: PoolSettings = {
  frequencyMs: HOUR_MS,
  windowMs: HOUR_MS,
  graceMs: 0,
  toleranceMs: 300_000,
  maxAgeMs: 24 * HOUR_MS,
  closeAtProducers: null,
  leaseMs: 60_000,
  attemptsMax: 3,
  filesTtlMs: HOUR_MS,
  resultTtlMs: HOUR_MS
}
const newHash = (): SecretHash => randomBytes(32).toString('hex') as SecretHash

/** An edge, and a pool with a key for producers. */
async function start(t: Test) {
  const kit = new RecoveryKit(t)
  await kit.start()
  const edge = await openPeer('edge', kit.options('edge'))
  await kit.begin(new RunningPeer(edge, {}))
  await until('the edge hears the controller', () => edge.membership.active('controller').length > 0)
  const owner = randomUUID() as UserId
  const password = { v: 1, memoryKiB: 8, passes: 1, parallelism: 1, salt: '00'.repeat(16), hash: newHash() }
  await edge.controller.call('createUser', {
    actor: { user: null, role: 'admin' },
    id: owner,
    name: 'olga',
    role: 'user',
    password: { ...password, v: 1 }
  })
  const actor = { user: owner, role: 'user' } as const
  const pool = randomUUID() as PoolId
  await edge.controller.call('createPool', { actor, id: pool, name: 'bees', settings: SETTINGS })
  const hash = newHash()
  const key = {
    id: randomUUID() as JoinKeyId,
    hash,
    role: 'producer',
    ttlMs: HOUR_MS,
    usesMax: null
  } as const
  await edge.controller.call('createJoinKey', { actor, pool, ...key })
  const program = {
    user: randomUUID() as UserId,
    name: 'sensor',
    session: randomUUID() as SessionId,
    secretHash: newHash()
  }
  return { kit, edge, pool, hash, program, actor }
}

t.test('a program that was told that it has joined is a member after the controller is lost', async (t) => {
  const { kit, edge, pool, hash, program } = await start(t)
  const { member } = await edge.controller.call('joinPool', { hash, program })
  t.match(member, { name: 'sensor', role: 'producer', isProgram: true })
  await kit.loseController()
  await kit.recover()
  await until('the edge hears the new one', () =>
    edge.membership.active('controller').some(({ term }) => term === kit.controller.term)
  )
  const actor = { user: program.user, role: 'user' as const, scopes: SCOPES }
  const known = await edge.controller.call('getPool', { actor, pool })
  t.match(known, { pool: { name: 'bees' }, member: { user: program.user, role: 'producer' } })
  const { sessions } = await edge.controller.call('findSessions', { ids: [], keys: [program.secretHash] })
  t.match(sessions, [{ user: program.user, scopes: ['pools'] }], 'with its key')
})

t.test('nobody is told so before two nodes have it, and asking again answers the same', async (t) => {
  const { kit, edge, pool, hash, program } = await start(t)
  for (const { snapshots } of kit.nodes) snapshots.shut()
  let answered = false
  const joining = edge.controller.call('joinPool', { hash, program }).finally(() => (answered = true))
  await until('the nodes are told', () => kit.nodes.every(({ snapshots }) => snapshots.held > 0))
  const actor = { user: program.user, role: 'user' as const, scopes: SCOPES }
  t.equal((await edge.controller.call('getPool', { actor, pool })).pool.members, 2, 'it is a member')
  t.notOk(answered)
  kit.nodes[0]?.snapshots.letThrough()
  kit.nodes[1]?.snapshots.letThrough()
  const { member } = await joining
  for (const { snapshots } of kit.nodes) snapshots.letThrough()
  const again = await edge.controller.call('joinPool', { hash, program })
  t.same(again.member, member)
})

type Started = Awaited<ReturnType<typeof start>>

/** A member of each kind that has something to say, and what they do. */
async function work({ edge, pool, actor }: Started) {
  const { controller } = edge
  const { writer, reader } = shareParts(edge)
  const join = async (name: string, role: PoolRole) => {
    const hash = newHash()
    const key = { id: randomUUID() as JoinKeyId, hash, role, ttlMs: HOUR_MS, usesMax: null }
    await controller.call('createJoinKey', { actor, pool, ...key })
    const user = randomUUID() as UserId
    const program = { user, name, session: randomUUID() as SessionId, secretHash: newHash() }
    await controller.call('joinPool', { hash, program })
    return { user, role: 'user' as const, scopes: SCOPES }
  }
  const sensor = await join('sensor one', 'producer')
  const server = await join('server one', 'server')
  const owner = poolOwner(pool)
  /** As an edge does it. */
  const store = async (path: string, bytes: Uint8Array): Promise<void> => {
    const terms = { user: owner, path, onlyNew: true, ttlMs: HOUR_MS }
    await writer.uploadEntry({
      name: 'x',
      mediaType: 'text/plain',
      source: (async function* () {
        yield bytes
      })(),
      limitBytes: bytes.byteLength,
      owner: { user: owner, path, onlyNew: true },
      entry: () => terms
    })
  }
  return {
    sensor,
    server,
    bring: async (bytes: Uint8Array): Promise<BatchId> => {
      const batch = randomUUID() as BatchId
      const file: BatchFile = {
        index: 0,
        name: 'readings',
        at: Date.now(),
        sizeBytes: bytes.byteLength,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        mediaType: 'text/plain',
        metadata: {}
      }
      const inBatch = { actor: sensor, pool, batch }
      const said = { files: 1, bytes: file.sizeBytes, digest: batchDigest([file]), clientTime: Date.now() }
      await controller.call('openBatch', { ...inBatch, ...said })
      await controller.call('declareFiles', { ...inBatch, files: [file] })
      await store(batchPath(batch, 0), bytes)
      return batch
    },
    commit: async (batch: BatchId) =>
      await controller.call('commitBatch', { actor: sensor, pool, batch }, { timeoutMs: 60_000 }),
    /** Closes the only group, and stores what came of it. */
    take: async (bytes: Uint8Array): Promise<{ group: GroupId; fence: number }> => {
      const [open] = (await controller.call('listGroups', { actor: server, pool, limit: 1 })).groups
      if (open === undefined) throw new Error('there is no group')
      await controller.call('closeGroup', { actor: server, pool, group: open.id })
      const { group } = await controller.call('leaseGroup', { actor: server, pool, waitMs: 0 })
      if (group === null) throw new Error('nothing was leased')
      await store(resultPath(group.id, group.fence), bytes)
      return { group: group.id, fence: group.fence }
    },
    finish: async (held: { group: GroupId; fence: number }) =>
      await controller.call(
        'finishGroup',
        { actor: server, pool, ...held, name: 'mean', metadata: {} },
        { timeoutMs: 60_000 }
      ),
    /** Without `entry`: the result. */
    bytesOf: async (group: GroupId, entry?: EntryId): Promise<Buffer> => {
      const opened = await controller.call('openPoolFile', { actor: server, pool, group, entry })
      const asPool = { user: owner, role: 'user' } as const
      const { file, chunks } = await controller.call('openContent', { actor: asPool, id: opened.entry })
      const pieces: Uint8Array[] = []
      const { id, sizeBytes, chunkCount } = file
      const range = { start: 0, end: sizeBytes }
      for await (const piece of reader.read({ file: id, sizeBytes, chunkCount, firstPage: chunks, range }))
        pieces.push(Buffer.from(piece))
      return Buffer.concat(pieces)
    }
  }
}

t.test('a batch and a result that were acknowledged are there after the controller is lost', async (t) => {
  const started = await start(t)
  const { kit, edge, pool } = started
  const { sensor, server, bring, commit, take, finish, bytesOf } = await work(started)
  const [readings, mean] = [randomBytes(5000), randomBytes(3000)]
  const lose = async (name: string) => {
    await kit.loseController()
    await kit.recover(name)
    await until('the edge hears the new one', () =>
      edge.membership.active('controller').some(({ term }) => term === kit.controller.term)
    )
  }
  const batch = await bring(readings)
  await commit(batch)
  await lose('second')
  const known = await edge.controller.call('getBatch', { actor: sensor, pool, batch, limit: 10 })
  t.match(known, { batch: { state: 'committed', files: 1 }, files: [{ name: 'readings', state: 'stored' }] })
  t.match((await commit(batch)).batch, { state: 'committed' }, 'a repeat answers the same')
  const [group] = (await edge.controller.call('listGroups', { actor: server, pool, limit: 2 })).groups
  if (group === undefined) return t.fail('its group is there')
  t.equal(group.files, 1, 'it counts once')
  const list = { actor: server, pool, group: group.id, limit: 2 }
  const [file] = (await edge.controller.call('listGroupFiles', list)).files
  t.ok((await bytesOf(group.id, file?.entry)).equals(readings))

  const held = await take(mean)
  await finish(held)
  await lose('third')
  const done = await edge.controller.call('getGroup', { actor: sensor, pool, group: group.id })
  t.match(done.group, { state: 'done', fence: held.fence, result: { name: 'mean', sizeBytes: 3000 } })
  t.ok((await bytesOf(group.id)).equals(mean))
  t.match((await finish(held)).group, { state: 'done' }, 'a repeat answers the same')
})

t.test('nobody is told of either before two nodes have it', async (t) => {
  const started = await start(t)
  const { kit } = started
  const { bring, commit, take, finish } = await work(started)
  const isToldLate = async (what: string, act: () => Promise<unknown>) => {
    for (const { snapshots } of kit.nodes) snapshots.shut()
    let answered = false
    const acting = act().finally(() => (answered = true))
    await until('the nodes are told', () => kit.nodes.every(({ snapshots }) => snapshots.held > 0))
    t.notOk(answered, what)
    for (const { snapshots } of kit.nodes) snapshots.letThrough()
    await acting
  }
  const batch = await bring(randomBytes(100))
  await isToldLate('a batch', async () => await commit(batch))
  const held = await take(randomBytes(100))
  await isToldLate('a result', async () => await finish(held))
})
