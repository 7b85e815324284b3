import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { until } from '../kit/until.ts'
import { ready, RecoveryCluster } from './recovery-cluster.ts'
import { testFolder } from '../kit/test-folder.ts'

// a dozen processes, on a machine that may be busy
t.setTimeout(400_000)

const OK = { status: 200, same: true }

t.test(
  'the controller’s folder is gone: another one goes on with every file, and no used link works again',
  async (t) => {
    const cluster = new RecoveryCluster(t, testFolder(t))
    await cluster.start()
    const old = await cluster.upload(randomBytes(5_000_000))
    const used = await cluster.upload(randomBytes(1000))
    const usedInGap = await cluster.upload(randomBytes(2000))
    const withdrawnInGap = await cluster.upload(randomBytes(2000))
    t.same(await cluster.redeem(used), OK)

    // a backup has a new snapshot made; nothing that comes after it is in one
    const backup = await cluster.command('n0', ['backup', cluster.home('first.backup'), '--json'])
    t.equal(backup.code, 0, backup.stderr)
    const fresh = await cluster.upload(randomBytes(3_000_000))
    const freshUsed = await cluster.upload(randomBytes(3000))
    t.same(await cluster.redeem(freshUsed), OK)
    t.same(await cluster.redeem(usedInGap), OK)
    t.equal((await fetch(withdrawnInGap.deleteUrl, { method: 'DELETE' })).status, 204)

    await cluster.controller.stop('SIGKILL')
    await rm(join(cluster.home('c'), 'controller'), { recursive: true })
    const early = cluster.run('n0', ['controller', '--recover'])
    await early
      .until('it refuses or is ready', () => early.isOver || early.stdout.includes('ready'))
      .catch(() => {})
    if (!early.isOver) return t.fail('refused while somebody has just heard the old one')
    t.equal((await early.ended).code, 4)
    t.match(early.stderr, /heard the controller \d+ s ago.*\(recovery-refused\)/)

    // on the machine of a node, which knows all it needs, and on another port
    const recovered = await cluster.recover('n0')
    t.match(recovered.stdout, /Files: 6 known, 2 of them found by their manifests/)
    t.match(recovered.stdout, /2 suspended/)

    await until(
      'edge and nodes have found it by themselves',
      async () => (await cluster.status()).term > 2 ** 20
    )
    t.match(await cluster.status(), { files: 5, linksSuspended: 2, collector: { frozen: /^recovered at / } })
    t.same(await cluster.redeem(old), OK, 'a file of the snapshot')
    t.same(await cluster.redeem(fresh), OK, 'a file found by its manifest')
    t.equal((await cluster.redeem(old)).status, 410, 'once')
    t.equal((await cluster.redeem(used)).status, 410, 'used before the snapshot')
    for (const link of [usedInGap, freshUsed])
      t.equal((await cluster.redeem(link)).status, 503, 'used after it: suspended')
    t.equal((await cluster.redeem(withdrawnInGap)).status, 410, 'withdrawn after it')
    const report = JSON.parse(
      await readFile(join(cluster.home('n0'), 'controller', 'recovery.json'), 'utf8')
    ) as object
    t.match(report, {
      kind: 'recovery',
      nodes: { length: 3 },
      absentNodes: { length: 0 },
      found: { adopted: 2, incomplete: 0 },
      links: { suspended: 1, revoked: 1, allSuspended: null }
    })

    const listed = await cluster.command('n1', ['links', '--json'])
    t.same(
      new Set((JSON.parse(listed.stdout) as Array<{ fileId: string }>).map(({ fileId }) => fileId)),
      new Set([usedInGap.id, freshUsed.id])
    )
    const resumed = await cluster.command('n1', ['links', 'resume', freshUsed.id])
    t.match(resumed.stdout, /^1 links live again/, resumed.stderr)
    t.same(await cluster.redeem(freshUsed), OK, 'an administrator has decided so')
    t.equal((await cluster.redeem(usedInGap)).status, 503)

    const after = await cluster.upload(randomBytes(1000))
    t.same(await cluster.redeem(after), OK, 'uploads go on')
    const init = await cluster.command('n0', ['init'])
    const newcomer = cluster.run('new', ['node'], { PEERBIN_JOIN: init.stdout.trim() })
    await ready(newcomer)
    await until('a newcomer is let in', async () => (await cluster.status()).nodes.length === 4)

    const again = await cluster.command('n0', ['controller', '--recover'])
    t.match([again.code, again.stderr], [4, /There is metadata in .*\(recovery-refused\)/])
  }
)

t.test('an old controller that comes back is turned away, and stops by itself', async (t) => {
  const cluster = new RecoveryCluster(t, testFolder(t))
  await cluster.start()
  const kept = await cluster.upload(randomBytes(1_000_000))
  await cluster.controller.stop('SIGKILL')
  // another one takes over, on a machine that has nothing but a join string from one that is still there
  const init = await cluster.command('n1', ['init'])
  t.not(init.stdout.trim(), cluster.joinString)
  const recovered = await cluster.recover('other', [], { PEERBIN_JOIN: init.stdout.trim() })
  await until('it leads', async () => (await cluster.status()).term > 2 ** 20)

  for (let attempt = 0; attempt < 2; attempt++) {
    const returned = cluster.run('c', ['controller'])
    t.equal((await returned.ended).code, 4, 'it ends')
    t.match(returned.stderr, /Another controller leads this cluster.*\(term-stale\)/)
  }
  // what it has heard it remembers, also when nobody is there to tell it again
  await recovered.stop('SIGKILL')
  for (const one of cluster.nodes) await one.stop('SIGKILL')
  const alone = cluster.run('c', ['controller'])
  t.equal((await alone.ended).code, 4)
  t.match(alone.stderr, /Another controller leads this cluster in term \d+.*\(term-stale\)/)
  t.notMatch(alone.stdout, /ready/)

  const [, node] = cluster.nodes
  const address = /(\/ip4\/\S+)/.exec(node?.stdout ?? '')?.[1] ?? ''
  const nobody = cluster.run('nobody', ['controller', '--recover', '--peer', address], {
    PEERBIN_JOIN: cluster.joinString
  })
  t.equal((await nobody.ended).code, 4)
  t.match(nobody.stderr, /No node of the cluster was found.*\(recovery-refused\)/)

  cluster.run('other', ['controller'])
  for (const name of ['n0', 'n1', 'n2']) cluster.run(name, ['node'])
  await until('the new one leads again', async () => (await cluster.status()).term > 2 ** 20 + 1)
  await until('and the file is there', async () => {
    const { status, same } = await cluster.redeem(kept)
    return status === 200 && same
  })
})
