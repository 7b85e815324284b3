/** Real processes die at each failpoint, in the middle of uploads, redemptions and deletes: what was promised before holds afterwards. */

import t from 'tap'
import { FAILPOINTS, type FailpointName } from '../../src/runtime/failpoints.ts'
import { until } from '../kit/until.ts'
import { type ClientDeps, redeem, revoke, tryAgain, uploadFile } from './clients.ts'
import { ChaosCluster } from './cluster.ts'
import { History } from './history.ts'
import { type FileEntry, checkLedger } from './ledger.ts'
import type { ChaosProcess, ChaosRole } from './process.ts'
import { Dice } from './random.ts'
import { askStatus, isAlive, isWhole } from './status.ts'
import { LoopbackWiring } from './wiring.ts'

t.setTimeout(900_000)

const SEED = 20261121
const NODES = 3
const LIMIT_MS = 90_000
const SIZE_MAX = 100_000

/** Whose code a point is in, by its first word. */
const ROLES: Readonly<Record<string, ChaosRole>> = {
  chunk: 'node',
  receipts: 'node',
  upload: 'controller',
  link: 'controller',
  orders: 'controller',
  edge: 'edge'
}

/** A claim is given back only when its first byte cannot be had: an edge is made to fail for it. */
const IN_VAIN: FailpointName = 'link.release.afterStore'
const HELP = 'edge.firstByte.before=throw:chunk-unavailable'

const POINTS = Object.keys(FAILPOINTS) as FailpointName[]
const pointsOf = (role: ChaosRole): FailpointName[] =>
  POINTS.filter((name) => ROLES[name.split('.')[0] ?? ''] === role && name !== IN_VAIN)

/** Three processes of different roles die in one round, each at its own point. */
function rounds(): FailpointName[][] {
  const roles = (['node', 'controller', 'edge'] as const).map(pointsOf)
  const longest = Math.max(...roles.map(({ length }) => length))
  const together = Array.from({ length: longest }, (_, i) => roles.flatMap((points) => points[i] ?? []))
  return [...together, [IN_VAIN]]
}

t.test('every failpoint is in a process that can be killed', async (t) => {
  t.same(rounds().flat().toSorted(), POINTS.toSorted())
})

t.test('what was promised holds when processes die', async (t) => {
  const cluster = await ChaosCluster.make({
    folder: t.testdir(),
    nodes: NODES,
    edges: 2,
    wiring: new LoopbackWiring('all on one network'),
    settings: ['link.graceMs=4000', 'scrub.roundMs=600000', 'repair.delayMs=20000'],
    onDeath: () => {}
  })
  t.teardown(() => cluster.stop())
  cluster.start()
  const whole = async (): Promise<boolean> => {
    const edges = await Promise.all(cluster.directUrls.map(isAlive))
    return edges.every(Boolean) && isWhole(await askStatus(cluster.directUrls), NODES)
  }
  await until('the cluster is ready', whole, LIMIT_MS)
  const client: ClientDeps = { urls: cluster.urls, dice: new Dice(SEED), history: new History() }
  let index = 0

  const upload = async (files: FileEntry[]): Promise<FileEntry> => {
    const number = index++
    const sizeBytes = client.dice.whole(1, SIZE_MAX)
    const file = await uploadFile(client, { seed: SEED, index: number, content: number, sizeBytes })
    files.push(file)
    return file
  }

  /** Uploads a file and lets three redeem it at once; another one is withdrawn. */
  const work = async (files: FileEntry[]): Promise<void> => {
    const [first, second] = await Promise.all([upload(files), upload(files)])
    const deadline = performance.now() + LIMIT_MS
    await Promise.all([
      ...(first.upload === 'acknowledged' ? [1, 2, 3].map(() => redeem(client, first, deadline)) : []),
      ...(second.upload === 'acknowledged' ? [revoke(client, second)] : [])
    ])
  }

  /** A program asks without a claim of its own: the edge makes one, cannot serve it, and gives it back. */
  const workInVain = async (files: FileEntry[]): Promise<void> => {
    const { path } = await upload(files)
    if (path === null) return
    const url = `${cluster.directUrls[0]}${path.replace('/d/', '/download/')}`
    const answer = await fetch(url, { signal: AbortSignal.timeout(LIMIT_MS) }).catch(() => undefined) // the edge may be cut off
    await answer?.body?.cancel()
  }

  const victimOf = (name: FailpointName, round: number): ChaosProcess => {
    const all = { node: cluster.nodes, controller: [cluster.controller], edge: cluster.edges }
    const candidates = all[ROLES[name.split('.')[0] ?? ''] ?? 'node']
    const victim = candidates[round % candidates.length]
    if (victim === undefined) throw new Error(`no process has ${name}`)
    return victim
  }

  for (const [round, points] of rounds().entries()) {
    await t.test(`at ${points.join(', ')}`, async (t) => {
      const inVain = points.includes(IN_VAIN)
      const armed = points.map((name) => ({ name, victim: victimOf(name, round), died: false }))
      const [edge] = cluster.edges
      const failing = inVain && edge !== undefined ? [edge] : []
      await Promise.all([...failing, ...armed.map(({ victim }) => victim)].map((process) => process.kill()))
      for (const process of failing) process.start({ PEERBIN_FAILPOINTS: HELP })
      for (const { name, victim } of armed) victim.start({ PEERBIN_FAILPOINTS: `${name}=kill` })

      const files: FileEntry[] = []
      let waiting = true
      const deaths = armed.map(async (one) => {
        const { signal } = await one.victim.ended()
        one.died = waiting && signal === 'SIGKILL'
        if (waiting) one.victim.start()
      })
      const endsAt = performance.now() + LIMIT_MS
      let working = Promise.resolve()
      while (armed.some(({ died }) => !died) && performance.now() < endsAt) {
        working = inVain ? workInVain(files) : work(files)
        await working
      }
      waiting = false
      for (const { name, victim, died } of armed) {
        t.ok(died, `died at ${name}: ${FAILPOINTS[name]}`)
        if (!died) await victim.kill()
      }
      await Promise.all([...deaths, ...failing.map((process) => process.kill())])
      for (const process of cluster.all) process.start()
      await until('everything is well again', whole, LIMIT_MS)

      const deadline = performance.now() + LIMIT_MS
      const acknowledged = files.filter((file) => file.upload === 'acknowledged')
      for (const file of acknowledged)
        if (file.redeemers.length === 0 && file.revoked !== 'acknowledged')
          await redeem(client, file, deadline)
      for (const file of acknowledged) await tryAgain(client, file, deadline)
      t.same(checkLedger(files), [])
      t.ok(
        acknowledged.every(({ afterwards }) => afterwards === 'refused'),
        'no used link works again'
      )
      t.comment(`${acknowledged.length} of ${files.length} uploads acknowledged`)
    })
  }
})
