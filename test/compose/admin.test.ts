import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createAdmin, resetPassword, withAdmin } from '../../src/compose/admin.ts'
import { newClusterKey, parseJoinString, writeClusterKey } from '../../src/compose/cluster-key.ts'
import { createCluster } from '../../src/index.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { LogFields, Logger } from '../../src/interfaces.ts'
import type { Address } from '../../src/types.ts'
import { testFolder } from '../kit/test-folder.ts'

/** Keeps what is logged. */
const recordingLogger = (logged: unknown[]): Logger => {
  const log = (message: string, fields?: LogFields): void => void logged.push([message, fields])
  const logger: Logger = { debug: log, info: log, warn: log, error: log, child: () => logger }
  return logger
}

const never = async (): Promise<never> => {
  throw new Error('no admin may get here')
}

t.test('an admin of a home finds the controller, asks it, and leaves', async (t) => {
  const secrets: string[] = []
  const logged: unknown[] = []
  const cluster = await createCluster({
    network: 'libp2p',
    nodes: 2,
    config: { edge: { port: 0 }, account: { passwordMemoryKiB: 128, passwordPasses: 1 } },
    onSetupSecret: (secret) => secrets.push(secret),
    logger: recordingLogger(logged)
  })
  t.teardown(() => cluster.stop())
  await cluster.start()
  const key = parseJoinString(cluster.joinString)
  const home = testFolder(t)
  await writeClusterKey(home, key)
  const status = await withAdmin(home, {}, (admin) => admin.controller.call('status', {}))
  t.equal(status.term, cluster.controller.term)

  t.test('by what a role of the home remembers, when the join string leads nowhere', async (t) => {
    const lost = testFolder(t)
    await writeClusterKey(lost, { ...key, addresses: ['/ip4/127.0.0.1/tcp/1' as Address] })
    await mkdir(join(lost, 'node'))
    await t.rejects(withAdmin(lost, { findMs: 300 }, never), { code: 'no-controller' })
    const [node] = cluster.nodes
    const value = { [node?.peerId ?? '']: node?.addresses }
    await writeFile(join(lost, 'node', 'peers.json'), JSON.stringify({ version: 1, value }))
    t.equal(await withAdmin(lost, {}, async (admin) => admin.leader()), cluster.controller.peerId)
  })

  t.test('by addresses that were given', async (t) => {
    const options = { join: { ...key, addresses: [] }, peers: cluster.nodes[1]?.addresses }
    t.equal(
      await withAdmin(testFolder(t), options, async (admin) => admin.leader()),
      cluster.controller.peerId
    )
  })

  t.test(
    'the first administrator needs a secret that is told to no log; an operator needs none',
    async (t) => {
      t.match(secrets, [/^[\w-]{43}$/])
      t.ok(logged.length > 0)
      t.notOk(JSON.stringify(logged).includes(secrets[0] ?? 'none'))
      await withAdmin(home, {}, async (admin) => {
        t.match(await admin.controller.call('accountState', {}), { setupNeeded: true })
        const anna = await createAdmin(admin, { name: ' Anna ', password: 'correct horse' })
        t.match(anna, { name: 'Anna', role: 'admin', state: 'active' })
        t.match(await admin.controller.call('accountState', {}), { setupNeeded: false })
        await t.rejects(createAdmin(admin, { name: 'ANNA', password: 'correct horse' }), {
          code: 'name-taken'
        })
        await t.rejects(createAdmin(admin, { name: 'Berta', password: 'short' }), { code: 'invalid-field' })
        t.match(await resetPassword(admin, { name: 'anna', password: 'battery staple' }), { id: anna.id })
        const unknown = { name: 'nobody', password: 'battery staple' }
        await t.rejects(resetPassword(admin, unknown), { code: 'user-unknown' })
        const actor = { user: null, role: 'admin' } as const
        t.match(await admin.controller.call('listUsers', { actor, limit: 10 }), { users: [{ name: 'Anna' }] })
        await t.rejects(admin.controller.call('signInChallenge', { name: 'anna' }), {
          code: 'role-forbidden'
        })
      })
    }
  )

  t.test('the error of its work comes out, and it has left by then', async (t) => {
    await t.rejects(
      withAdmin(home, {}, async () => {
        throw new Error('as it happens')
      }),
      { message: 'as it happens' }
    )
  })
})

t.test('an admin of no cluster, of two, or of one that is silent is told so', async (t) => {
  const home = testFolder(t, { mine: {} })
  const findMs = 200
  await t.rejects(withAdmin(home, { findMs }, never), { code: 'join-string-invalid', message: /no cluster/ })
  const mine = join(home, 'mine')
  await writeClusterKey(mine, newClusterKey(systemRandom))
  await t.rejects(withAdmin(mine, { findMs, join: newClusterKey(systemRandom) }, never), {
    code: 'join-string-invalid',
    message: /another cluster/
  })
  await t.rejects(withAdmin(mine, { findMs }, never), { code: 'no-controller' })
  const signal = AbortSignal.abort(new Error('enough'))
  await t.rejects(withAdmin(mine, { signal }, never), { code: 'aborted' })
})
