/** The faults of a chaos run: one entry each in FAULTS, with what it does and when it may happen. */

import type { ChaosCluster } from './cluster.ts'
import type { History } from './history.ts'
import { fillAndEmpty, flip, loseController, loseNode, wipeDisk } from './losses.ts'
import type { FaultShape, PlannedFault } from './plan.ts'
import type { ChaosProcess } from './process.ts'
import type { Dice } from './random.ts'

export type FaultKind =
  | 'kill-node'
  | 'kill-edge'
  | 'kill-controller'
  | 'kill-all-nodes'
  | 'pause-node'
  | 'pause-edge'
  | 'pause-controller'
  | 'cut-clients'
  | 'stall-clients'
  | 'partition'
  | 'partition-one-way'
  | 'partition-bridge'
  | 'slow-link'
  | 'disk-full'
  | 'wipe-disk'
  | 'flip-bits'
  | 'lose-node'
  | 'lose-controller'

/** After what the cluster must have looked at itself. */
export interface WholeSince {
  wallMs: number
  /** This node was compared with the metadata. */
  node?: ChaosProcess
  /** Every node was. */
  compared?: boolean
}

/** What a fault can reach. */
export interface FaultContext {
  readonly cluster: ChaosCluster
  readonly history: History
  readonly planned: PlannedFault
  readonly dice: Dice
  /** The processes that were chosen; none for faults of the network as a whole. */
  readonly targets: readonly ChaosProcess[]
  /** Resolves after the fault's duration, or when the run ends. */
  readonly last: () => Promise<void>
  /** Resolves when the node was compared with the metadata in its new life and every chunk has its copies. @throws after two minutes */
  readonly whole: (since: WholeSince) => Promise<void>
}

export interface Fault extends FaultShape {
  /** One sentence for a person. */
  text: string
  /** Whose turn it is: one process of a role, all nodes, the network, one edge's clients, or the node with the small disk. */
  on: 'node' | 'edge' | 'controller' | 'all nodes' | 'network' | 'clients' | 'small disk'
  /** Copies are lost by it: only while every chunk has all of them, and nothing else happens to nodes until they are made again. */
  lossy: boolean
  run(context: FaultContext): Promise<void>
}

async function killAndRestart({ targets, last }: FaultContext): Promise<void> {
  await Promise.all(targets.map((target) => target.kill()))
  await last()
  for (const target of targets) target.start()
}

async function pauseAndResume({ targets, last }: FaultContext): Promise<void> {
  for (const target of targets) target.pause()
  await last()
  for (const target of targets) target.resume()
}

/** Directions to cut, as pairs of names. */
type Cuts = Array<readonly [string, string]>

const bothWays = (some: readonly string[], others: readonly string[]): Cuts =>
  some.flatMap((a) =>
    others.flatMap((b): Cuts => [
      [a, b],
      [b, a]
    ])
  ) // prettier keeps pairs apart

async function cutFor({ cluster, history, planned, last }: FaultContext, cuts: Cuts): Promise<void> {
  const sides = new Set(cuts.map(([from]) => from))
  const spans = [...sides].map((name) => {
    const to = cuts.filter(([from]) => from === name).map(([, other]) => other)
    return history.begin(name, planned.kind, `cannot send to ${to.join(', ')}`)
  })
  for (const [from, to] of cuts) await cluster.wiring.cut(from, to)
  try {
    await last()
  } finally {
    for (const [from, to] of cuts) await cluster.wiring.mend(from, to)
    for (const end of spans) end()
  }
}

/** Some nodes, and now and then the controller, on one side; everybody else on the other. */
function splitOf({ cluster, dice }: FaultContext): { away: string[]; others: string[] } {
  const nodes = cluster.living.map(({ name }) => name)
  const count = dice.whole(1, Math.floor(nodes.length / 2))
  const away = nodes.toSorted(() => dice.fraction() - 0.5).slice(0, count)
  if (dice.fraction() < 0.25) away.push('controller')
  const names = cluster.all.filter(({ gone }) => !gone).map(({ name }) => name)
  return { away, others: names.filter((name) => !away.includes(name)) }
}

const fault = (
  on: Fault['on'],
  weight: number,
  durationMs: readonly [number, number],
  text: string,
  run: Fault['run'],
  lossy = false
): Omit<Fault, 'kind'> => ({ on, weight, durationMs, text, run, lossy })

/** Pauses are bounded by a third of the run (run.ts). */
const PAUSE_MS = [1000, 80_000] as const

const TABLE: Readonly<Record<FaultKind, Omit<Fault, 'kind'>>> = {
  'kill-node': fault('node', 8, [100, 3000], 'SIGKILL of a node, restart on its data', killAndRestart),
  'kill-edge': fault('edge', 6, [100, 3000], 'SIGKILL of an edge, restart', killAndRestart),
  'kill-controller': fault('controller', 6, [100, 3000], 'SIGKILL of the controller', killAndRestart),
  'kill-all-nodes': fault(
    'all nodes',
    2,
    [300, 3000],
    'SIGKILL of every node at once, all restarted',
    killAndRestart
  ),
  'pause-node': fault('node', 4, PAUSE_MS, 'SIGSTOP of a node, SIGCONT later', pauseAndResume),
  'pause-edge': fault('edge', 3, PAUSE_MS, 'SIGSTOP of an edge: a zombie claimant', pauseAndResume),
  'pause-controller': fault('controller', 3, PAUSE_MS, 'SIGSTOP of the controller', pauseAndResume),
  'cut-clients': fault(
    'clients',
    5,
    [0, 0],
    'every HTTP connection of an edge is reset',
    async ({ cluster, targets: [target] }) => {
      proxyOf(cluster, target)?.cut()
    }
  ),
  'stall-clients': fault(
    'clients',
    3,
    [500, 8000],
    'no byte passes between an edge and its clients',
    async ({ cluster, targets: [target], last }) => {
      proxyOf(cluster, target)?.stall(true)
      await last()
      proxyOf(cluster, target)?.stall(false)
    }
  ),
  partition: fault(
    'network',
    4,
    [1000, 15_000],
    'some nodes (and sometimes the controller) and the rest do not reach each other',
    async (context) => {
      const { away, others } = splitOf(context)
      await cutFor(context, bothWays(away, others))
    }
  ),
  'partition-one-way': fault(
    'network',
    4,
    [1000, 15_000],
    'what some processes send to the rest is lost; the other direction works',
    async (context) => {
      const { away, others } = splitOf(context)
      await cutFor(
        context,
        away.flatMap((from) => others.map((to) => [from, to] as const))
      )
    }
  ),
  'partition-bridge': fault(
    'network',
    3,
    [1000, 15_000],
    'two halves that reach each other only through one node',
    async (context) => {
      const { away, others } = splitOf(context)
      const bridge = others.find((name) => name.startsWith('node'))
      await cutFor(
        context,
        bothWays(
          away,
          others.filter((name) => name !== bridge)
        )
      )
    }
  ),
  'slow-link': fault(
    'node',
    3,
    [2000, 15_000],
    'a node sends at most some Mbit/s',
    async ({ cluster, targets: [target], dice, last }) => {
      if (target === undefined) return
      await cluster.wiring.limit(target.name, dice.whole(1000, 20_000))
      await last()
      await cluster.wiring.limit(target.name, 0)
    }
  ),
  'disk-full': fault('small disk', 2, [1000, 6000], 'no byte is left on the disk of a node', fillAndEmpty),
  'wipe-disk': fault(
    'node',
    2,
    [100, 2000],
    'the disk of a node is empty, its identity kept',
    wipeDisk,
    true
  ),
  'flip-bits': fault('node', 2, [0, 0], 'bits flip in tables and logs of a node', flip, true),
  'lose-node': fault(
    'node',
    1,
    [100, 2000],
    'a node is gone for good, an empty one joins in its place',
    loseNode,
    true
  ),
  'lose-controller': fault(
    'controller',
    1,
    [100, 2000],
    "the controller's machine is gone, another recovers",
    loseController,
    true
  )
}

export const FAULTS: readonly Fault[] = Object.entries(TABLE).map(([kind, rest]) => ({
  kind: kind as FaultKind,
  ...rest
}))

/** What this machine and this version allow. */
export interface Abilities {
  /** Why not; undefined: it can be done. */
  partitions: string | undefined
  smallDisk: string | undefined
  repair: string | undefined
}

/** Why a fault cannot happen in this run; undefined: it can. */
export function hindranceOf(fault: Fault, abilities: Abilities): string | undefined {
  if (fault.on === 'network' || fault.kind === 'slow-link') return abilities.partitions
  if (fault.on === 'small disk') return abilities.smallDisk
  return fault.lossy ? abilities.repair : undefined
}

function proxyOf(cluster: ChaosCluster, edge: ChaosProcess | undefined) {
  return cluster.proxies[cluster.edges.findIndex((candidate) => candidate === edge)]
}
