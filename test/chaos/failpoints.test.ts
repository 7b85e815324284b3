/** Real processes die at each failpoint, in the middle of uploads, redemptions and deletes: what was promised before holds afterwards. */

import t from 'tap'
import { FAILPOINTS, type FailpointName } from '../../src/runtime/failpoints.ts'
import { until } from '../kit/until.ts'
import { type ClientDeps, redeem, revoke, tryAgain, uploadFile } from './clients.ts'
import { ChaosCluster, runOn } from './cluster.ts'
import { History } from './history.ts'
import { type FileEntry, type Violation, checkLedger } from './ledger.ts'
import type { ChaosProcess, ChaosRole } from './process.ts'
import { Dice } from './random.ts'
import { pause } from './scene.ts'
import { askStatus, isAlive, isWhole } from './status.ts'
import { LoopbackWiring } from './wiring.ts'
import { testFolder } from '../kit/test-folder.ts'

t.setTimeout(900_000)

const SEED = 20261121
const NODES = 4
/** Processes die all the time, and a point may wait for what another one's death has cut off. */
const LIMIT_MS = 240_000
const SIZE_MAX = 20_000

/** Whose code a point is in, by its first word. */
const ROLES: Readonly<Record<string, ChaosRole>> = {
  chunk: 'node',
  receipts: 'node',
  upload: 'controller',
  link: 'controller',
  orders: 'controller',
  repair: 'controller',
  edge: 'edge'
}

/** A claim is given back only when its first byte cannot be had: an edge is made to fail for it. */
const IN_VAIN: FailpointName = 'link.release.afterStore'
const HELP = 'edge.firstByte.before=throw:chunk-unavailable'

/** Repair has something to copy, and then to trim, for certain only when a node is drained. */
const TOO_FEW: FailpointName = 'repair.copy.beforeRecord'
const TOO_MANY: FailpointName = 'repair.trim.afterRecord'
const APART: ReadonlySet<FailpointName> = new Set([IN_VAIN, TOO_FEW, TOO_MANY])

const POINTS = Object.keys(FAILPOINTS) as FailpointName[]
const pointsOf = (role: ChaosRole): FailpointName[] =>
  POINTS.filter((name) => ROLES[name.split('.')[0] ?? ''] === role && !APART.has(name))

/** Points of each role: its processes die at one after the other, while those of the other roles do the same. */
const CHAINS = (['node', 'controller', 'edge'] as const).map((role) => ({ role, points: pointsOf(role) }))

t.test('every failpoint is in a process that can be killed', async (t) => {
  const all = [...CHAINS.flatMap(({ points }) => points), ...APART]
  t.same(all.toSorted(), POINTS.toSorted())
})

/** A cluster whose processes die, and what its clients were promised. */
class Scene {
  readonly files: FileEntry[] = []
  readonly cluster: ChaosCluster
  readonly client: ClientDeps
  #index = 0

  constructor(cluster: ChaosCluster) {
    this.cluster = cluster
    this.client = { urls: cluster.urls, dice: new Dice(SEED), history: new History() }
  }

  async whole(): Promise<boolean> {
    const edges = await Promise.all(this.cluster.directUrls.map(isAlive))
    return edges.every(Boolean) && isWhole(await askStatus(this.cluster.directUrls), NODES)
  }

  async upload(): Promise<FileEntry> {
    const index = this.#index++
    const sizeBytes = this.client.dice.whole(1, SIZE_MAX)
    const file = await uploadFile(this.client, { seed: SEED, index, content: index, sizeBytes })
    this.files.push(file)
    return file
  }

  /** Uploads two files and lets three redeem the one at once; the other is withdrawn. */
  async work(): Promise<void> {
    const [first, second] = await Promise.all([this.upload(), this.upload()])
    const deadline = performance.now() + LIMIT_MS
    await Promise.all([
      ...(first.upload === 'acknowledged'
        ? [1, 2, 3].map(() => redeem(this.client, first, () => deadline))
        : []),
      ...(second.upload === 'acknowledged' ? [revoke(this.client, second)] : [])
    ])
  }

  /** A program asks without a claim of its own: the edge makes one, cannot serve it, and gives it back. */
  async workInVain(): Promise<void> {
    const { path } = await this.upload()
    if (path === null) return
    const url = `${this.cluster.directUrls[0]}${path.replace('/d/', '/download/')}`
    const answer = await fetch(url, { signal: AbortSignal.timeout(LIMIT_MS) }).catch(() => undefined) // the edge may be cut off
    await answer?.body?.cancel()
  }

  /** Everything is asked for once more. @returns what must not be */
  async settle(): Promise<Violation[]> {
    const deadline = performance.now() + LIMIT_MS
    const acknowledged = this.files.filter((file) => file.upload === 'acknowledged')
    for (const file of acknowledged)
      if (file.redeemers.length === 0 && file.revoked !== 'acknowledged')
        await redeem(this.client, file, () => deadline)
    for (const file of acknowledged) await tryAgain(this.client, file, deadline)
    return checkLedger(this.files)
  }
}

t.test('what was promised holds when processes die', async (t) => {
  const cluster = await ChaosCluster.make({
    folder: testFolder(t),
    nodes: NODES,
    edges: 2,
    wiring: new LoopbackWiring('all on one network'),
    settings: ['link.graceMs=4000', 'scrub.roundMs=600000', 'repair.delayMs=20000'],
    onDeath: () => {}
  })
  t.teardown(() => cluster.stop())
  const scene = new Scene(cluster)
  const [edge] = cluster.edges
  const [node, drained] = cluster.nodes
  if (edge === undefined || node === undefined || drained === undefined)
    throw new Error('a cluster without nodes and edges')

  const victimOf = (name: FailpointName): ChaosProcess =>
    ({ node, controller: cluster.controller, edge })[ROLES[name.split('.')[0] ?? ''] ?? 'node']
  /** The next life of whoever is to die there; no life is spent on being killed otherwise. */
  const arm = (name: FailpointName | undefined): void => {
    if (name !== undefined) victimOf(name).start({ PEERBIN_FAILPOINTS: `${name}=kill` })
  }

  /** Waits until an armed process has died at its point; whoever calls starts it again. */
  const dies = async (name: FailpointName, busy: () => Promise<void> = async () => {}): Promise<void> => {
    const victim = victimOf(name)
    const state = { died: false }
    const over = victim.ended().then(({ signal }) => {
      state.died = signal === 'SIGKILL'
    })
    const endsAt = performance.now() + LIMIT_MS
    while (victim.running && performance.now() < endsAt)
      await Promise.race([over, busy().then(() => pause(100))])
    t.comment(`${name}: ${Math.round((performance.now() - endsAt + LIMIT_MS) / 100) / 10} s`)
    t.ok(state.died, `died at ${name}: ${FAILPOINTS[name]}`)
    await victim.kill()
    await over
  }

  for (const { points } of CHAINS) arm(points[0])
  cluster.start() // the others
  await until('the cluster is ready', () => scene.whole(), LIMIT_MS)

  const working = { chains: CHAINS.length }
  const clients = async (): Promise<void> => {
    // a point needs one request that comes by, and the processes that start again need the machine
    for (; working.chains > 0; await pause(300)) await scene.work()
  }
  await Promise.all([
    clients(),
    clients(),
    ...CHAINS.map(async ({ role, points }) => {
      // who comes back from one death is armed for the next
      for (const [i, point] of points.entries()) {
        await dies(point)
        arm(points[i + 1])
      }
      if (role === 'node') node.start()
      if (role === 'controller') arm(IN_VAIN)
      if (role === 'edge') edge.start({ PEERBIN_FAILPOINTS: HELP })
      working.chains--
    })
  ])

  await dies(IN_VAIN, () => scene.workInVain())
  await edge.kill()
  edge.start()
  arm(TOO_FEW)
  const dying = dies(TOO_FEW)
  await until('everything is well again', () => scene.whole(), LIMIT_MS)
  for (let i = 0; i < 8; i++) await scene.upload()
  await until('it can be drained', () => drain(drained, '--no-wait'), LIMIT_MS)
  await dying
  arm(TOO_MANY)
  await dies(TOO_MANY)
  cluster.controller.start()
  await until('it can be kept', () => drain(drained, '--undo'), LIMIT_MS)

  await until('everything is well again', () => scene.whole(), LIMIT_MS)
  t.same(await scene.settle(), [])
  const acknowledged = scene.files.filter((file) => file.upload === 'acknowledged')
  t.ok(
    acknowledged.every(({ afterwards }) => afterwards === 'refused'),
    'no used link works again'
  )
  t.comment(`${acknowledged.length} of ${scene.files.length} uploads acknowledged`)
})

/** Whether the controller heard it. */
async function drain(node: ChaosProcess, option: string): Promise<boolean> {
  try {
    await runOn(node, ['drain', await node.peer(), option])
    return true
  } catch {
    return false // it may be dead for the moment
  }
}
