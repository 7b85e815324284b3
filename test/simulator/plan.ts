/** What a schedule is made of, drawn from its seed. */

import type { Chance } from './chance.ts'
import type { FaultKind } from './faults.ts'

/** What is played: share links, users' files and events, synced folders, pools. */
export const SCENARIOS = ['share', 'files', 'events', 'sync', 'pools'] as const
export type Scenario = (typeof SCENARIOS)[number]

export interface Plan {
  readonly scenario: Scenario
  readonly nodes: number
  readonly controllers: number
  readonly edges: number
  readonly hosts: number
  readonly sqlite: boolean
  readonly ioMaxMs: number
  readonly uploaders: number
  readonly filesPerUploader: number
  readonly users: number
  /** Who do what they do at once, each from a device of their own. */
  readonly personsPerUser: number
  readonly actsPerPerson: number
  readonly pools: number
  /** Of each pool; some of them and of the servers listen as well. */
  readonly producers: number
  readonly servers: number
  readonly listeners: number
  /** Of each user; undefined: there is no limit. */
  readonly quotaBytes: number | undefined
  /** Mean time from one mishap of a laptop to the next. */
  readonly troubleEveryMs: number
  /** Synced folders are equal so long after everything has healed. */
  readonly equalWithinMs: number
  /** Share of changes in a folder that the system of a laptop tells of. */
  readonly toldShare: number
  /** Full replication is not awaited, and nothing is cleared away in the end. */
  readonly isLean: boolean
  /** Mean pause before each upload of a client. */
  readonly pauseMs: number
  /** How long faults come. */
  readonly faultsMs: number
  /** Mean time from one fault to the next; Infinity: none come. */
  readonly faultEveryMs: number
  /** In place of FAULTS: how often these come. */
  readonly weights: Partial<Readonly<Record<FaultKind, number>>>
  /** Whether disks may be destroyed at all. */
  readonly destroys: boolean
  /** How many of the nodes are of the cold tier. */
  readonly coldNodes: number
  /** Whether an operator has nodes emptied, retired and scrubbed meanwhile. */
  readonly operates: boolean
  /** Nodes that keep snapshots of the metadata and take note of claims; 0: none. */
  readonly snapshotNodes: number
  /** Share of files that have bytes of an earlier one. */
  readonly equalShare: number
  /** In place of faults by chance: the leader is suspended until another goes on from a copy of its metadata, and then comes back. Needs `sqlite` and two controllers. */
  readonly oldLeader: boolean
  /** After some faults the controller's machine is lost for good, and another one recovers the metadata from what nodes keep. Needs `sqlite`, `snapshotNodes` and two controllers. */
  readonly losesController: boolean
  /** How often a node is away when that machine recovers; then every link is suspended. */
  readonly absentShare: number
  /** Whether logs are searched for secrets. */
  readonly watchesLogs: boolean
}

/** Share of schedules on the real SQLite store, those in which the controller is lost among them. */
const SQLITE_SHARE = 0.13
const USERS_SQLITE_SHARE = 0.1
const POOLS_LOSS_SHARE = 0.06
const WATCHED_SHARE = 0.1
/** Shares of those. */
const OLD_LEADER_SHARE = 0.2
const LOSS_SHARE = 0.45
const SNAPSHOT_SHARE = 0.3
const ABSENT_SHARE = 0.6
/** Of those with nodes to spare. */
const OPERATOR_SHARE = 0.2
const COLD_SHARE = 0.2

export function drawPlan(chance: Chance, options: { faults: boolean; scenario: Scenario }): Plan {
  const plan = drawAny(chance, options)
  const { scenario } = options
  if (scenario === 'share') return plan
  const isLean = scenario === 'events'
  const played = { ...plan, ...drawUsers(chance), scenario, isLean }
  if (scenario === 'pools') return { ...played, ...drawPools(chance) }
  return scenario === 'sync' ? { ...played, ...drawSync(chance) } : played
}

/** Users' files are played on small clusters, and more of them: what clusters of any size do is the business of share links. */
function drawUsers(chance: Chance): Partial<Plan> {
  const nodes = chance.pick([3, 3, 3, 4])
  return {
    nodes,
    hosts: nodes,
    controllers: chance.pick([1, 2, 2]),
    edges: chance.pick([1, 2, 2]),
    uploaders: 0,
    users: chance.pick([1, 2, 2]),
    personsPerUser: chance.pick([1, 2, 2]),
    actsPerPerson: chance.whole(6, 12),
    pauseMs: chance.pick([700, 2000]),
    faultsMs: chance.between(10_000, 30_000),
    faultEveryMs: chance.pick([1500, 4000]),
    quotaBytes: chance.happens(0.3) ? chance.whole(4000, 12_000) : undefined,
    operates: false,
    coldNodes: 0,
    sqlite: chance.happens(USERS_SQLITE_SHARE),
    snapshotNodes: 0,
    oldLeader: false,
    losesController: false
  }
}

/** Beside what is under way there are pauses of a minute after failures, and of another before what was skipped is tried again. */
const EQUAL_WITHIN_MS = 400_000

/** One user with some laptops. Nothing is fetched or cleared away in the end: that is looked at elsewhere. */
const drawSync = (chance: Chance): Partial<Plan> => ({
  users: 1,
  personsPerUser: chance.pick([2, 2, 3, 4]),
  actsPerPerson: chance.whole(4, 15),
  pauseMs: chance.pick([300, 1500]),
  troubleEveryMs: chance.pick([2000, 6000]),
  toldShare: chance.happens(0.3) ? 0.8 : 1,
  faultsMs: chance.between(8000, 25_000),
  quotaBytes: undefined,
  isLean: true
})

/** What a pool has acknowledged outlives the controller's machine. */
const LOSS: Partial<Plan> = { sqlite: true, controllers: 2, snapshotNodes: 3, losesController: true }

/** Who is in a pool acts a little while; groups take their time after that. */
const drawPools = (chance: Chance): Partial<Plan> => ({
  ...(chance.happens(POOLS_LOSS_SHARE) && LOSS),
  pools: chance.pick([1, 1, 1, 1, 1, 2]),
  producers: chance.pick([3, 3, 4, 6]),
  servers: chance.pick([2, 2, 3]),
  listeners: chance.pick([1, 1, 2]),
  users: 0,
  actsPerPerson: chance.whole(3, 6),
  pauseMs: chance.pick([700, 2500]),
  faultsMs: chance.between(8000, 22_000),
  troubleEveryMs: chance.pick([3000, 8000]),
  quotaBytes: undefined
})

function drawAny(chance: Chance, options: { faults: boolean }): Plan {
  const plan = drawCluster(chance, options)
  const kind = plan.sqlite && options.faults ? chance.fraction() : 1
  if (kind < LOSS_SHARE)
    return { ...plan, controllers: Math.max(2, plan.controllers), snapshotNodes: 3, losesController: true }
  const oldLeader = kind < LOSS_SHARE + OLD_LEADER_SHARE && plan.controllers > 1
  return { ...plan, oldLeader }
}

function drawCluster(chance: Chance, options: { faults: boolean }): Plan {
  const nodes = chance.pick([3, 3, 3, 3, 4, 4, 4, 5, 5, 6, 7, 9])
  const plan = {
    scenario: 'share' as const,
    users: 0,
    personsPerUser: 0,
    actsPerPerson: 0,
    pools: 0,
    producers: 0,
    servers: 0,
    listeners: 0,
    quotaBytes: undefined,
    troubleEveryMs: Infinity,
    toldShare: 1,
    equalWithinMs: EQUAL_WITHIN_MS,
    isLean: false,
    nodes,
    controllers: chance.pick([1, 1, 2, 2, 3]),
    edges: chance.pick([1, 1, 2, 2, 3]),
    hosts: chance.happens(0.85) ? nodes : chance.whole(2, nodes),
    sqlite: chance.happens(SQLITE_SHARE),
    ioMaxMs: chance.pick([2, 10, 60]),
    uploaders: chance.whole(1, 3),
    filesPerUploader: chance.whole(2, 4),
    pauseMs: chance.pick([1000, 4000, 8000]),
    faultsMs: chance.between(10_000, 45_000),
    faultEveryMs: options.faults ? chance.pick([1500, 4000, 8000]) : Infinity,
    weights: {},
    destroys: chance.happens(0.5),
    operates: false,
    coldNodes: 0,
    snapshotNodes: 0,
    equalShare: chance.pick([0.2, 0.4, 0.7]),
    oldLeader: false,
    losesController: false,
    absentShare: ABSENT_SHARE,
    watchesLogs: chance.happens(WATCHED_SHARE)
  }
  // only SQLite's store has snapshots
  const snapshotNodes = plan.sqlite && chance.happens(SNAPSHOT_SHARE) ? 3 : 0
  const operates = nodes > 3 && chance.happens(OPERATOR_SHARE)
  const coldNodes = nodes > 3 && chance.happens(COLD_SHARE) ? chance.whole(1, 2) : 0
  return { ...plan, snapshotNodes, operates, coldNodes }
}
