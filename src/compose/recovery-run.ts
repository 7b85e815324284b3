/** One recovery, by a member that leads nothing: from what the nodes tell to metadata that can be led again. */

import { isDeepStrictEqual } from 'node:util'
import { fenceNodes, newTerm } from '../controller/recovery/fence.ts'
import { sortSnapshots } from '../controller/recovery/found-series.ts'
import type { FoundSnapshots } from '../controller/recovery/found-series.ts'
import { gatherNodes, refuseReturned } from '../controller/recovery/nodes.ts'
import type { FoundNode } from '../controller/recovery/nodes.ts'
import { renew } from '../controller/recovery/renewal.ts'
import type { Renewal, RenewalDeps } from '../controller/recovery/renewal.ts'
import type { RecoveryReport } from '../controller/recovery/report.ts'
import { SnapshotPieces } from '../controller/recovery/snapshot-pieces.ts'
import { uncoveredNotes } from '../controller/recovery/uncovered-notes.ts'
import { SETTINGS } from '../controller/settings.ts'
import { SnapshotReader } from '../controller/snapshots/node-snapshots.ts'
import { resumeAt } from '../controller/store-time.ts'
import type { ErrorCode } from '../errors.ts'
import type { Logger, SnapshotName } from '../interfaces.ts'
import type { MetadataStore } from '../metadata-store.ts'
import { SqliteMetadataStore } from '../metadata/sqlite-metadata-store.ts'
import type { PeerId, Term } from '../types.ts'
import { removeDraft } from './controller-folder.ts'
import type { Peer } from './peer.ts'
import type { DraftSource } from './recover-source.ts'
import { absentNodes, doubtOf, isFollowed } from './recovery-doubt.ts'
import type { Absent } from './recovery-doubt.ts'

/** How the metadata comes to be, and what a refusal is called. */
export interface RecoveryPlan {
  readonly kind: RecoveryReport['kind']
  readonly refusal: Extract<ErrorCode, 'recovery-refused' | 'restore-refused'>
  /** Makes the draft's file, if there is anything to make it from. */
  readonly draft: (
    file: string,
    found: FoundSnapshots,
    pieces: SnapshotPieces,
    logger: Logger
  ) => Promise<DraftSource>
}

export interface DraftAccess {
  /** Not opened yet; closed before the next one, and at the end. */
  storeOf(file: string): MetadataStore
  /** Removes the file, which is closed, with what is beside it. */
  remove(file: string): Promise<void>
}

export interface RecoveryRun {
  readonly signal?: AbortSignal | undefined
  /** Told what is being done, in words. */
  readonly onProgress?: ((text: string) => void) | undefined
  /** How the draft's file is reached, in place of the usual way: the simulator's. */
  readonly drafts?: DraftAccess | undefined
}

/** What was learnt from the nodes. */
interface Known {
  readonly nodes: readonly FoundNode[]
  /** What each keeps. */
  readonly lists: ReadonlyMap<PeerId, readonly SnapshotName[]>
  /** Those that do not tell. */
  readonly silent: readonly PeerId[]
  readonly found: FoundSnapshots
  readonly pieces: SnapshotPieces
  readonly source: DraftSource
  /** Recorded nodes that were not found. */
  readonly absent: Absent
}

/** The same, when nobody can add to it any more. */
interface Settled extends Known {
  /** Nobody leads in it or below. */
  readonly term: Term
  /** Why no live link can be trusted; null: those can that no note names. */
  readonly doubt: string | null
}

/** Makes `file`, which is closed at the end. */
export async function runRecovery(
  peer: Peer,
  file: string,
  run: RecoveryRun,
  plan: RecoveryPlan
): Promise<RecoveryReport> {
  const { clock, config, logger } = peer
  const say = (text: string): void => {
    logger.info(text)
    run.onProgress?.(text)
  }
  const beganAt = clock.monotonic()
  say(`looking for nodes for ${Math.ceil(config.snapshot.gatherMs / 1000)} s`)
  const telling = { ...run, onProgress: say }
  const known = await settle(peer, file, await learnAll(peer, file, telling, plan), telling, plan)
  const store = storeOf(peer, file, run)
  await store.open()
  try {
    say('looking for files that only their manifests tell of')
    const deps = await renewalDeps(peer, store, known, plan)
    const renewal = await renew({
      ...deps,
      signal: run.signal,
      onProgress: (looked, adopted) => say(`${looked} manifests looked at, ${adopted} files found`)
    })
    const report = await reportOf(peer, store, known, renewal, plan)
    const sought = { ...peer, self: peer.network.self }
    await refuseReturned(sought, known.nodes, plan.refusal, { signal: run.signal, since: beganAt })
    return { ...report, tookMs: clock.monotonic() - beganAt }
  } finally {
    await store.close()
  }
}

const storeOf = ({ config, logger }: Peer, file: string, { drafts }: RecoveryRun): MetadataStore =>
  drafts?.storeOf(file) ??
  new SqliteMetadataStore({ file, operationsWaitingMax: config.controller.operationsWaitingMax, logger })

/** Nodes that the snapshot names and that were not heard yet are given some more time: the machine may be busy, and they may hold what is newest. */
async function learnAll(peer: Peer, file: string, run: RecoveryRun, plan: RecoveryPlan): Promise<Known> {
  const deps = { ...peer, self: peer.network.self }
  const first = await gatherNodes(deps, plan.refusal, { signal: run.signal })
  const known = await learn(peer, file, first, run, plan)
  if (plan.kind !== 'recovery' || known.absent.all.length === 0) return known
  run.onProgress?.(`waiting for ${known.absent.all.length} more that the snapshot names`)
  const awaited = new Set(known.absent.all)
  const all = await gatherNodes(deps, plan.refusal, { signal: run.signal, awaited })
  const before = new Set(first.map((node) => node.peer))
  if (all.every((node) => before.has(node.peer))) return known
  await (run.drafts?.remove(file) ?? removeDraft(file))
  return await learn(peer, file, all, run, plan)
}

/**
 * Turns the old controller away and looks again: what it had nodes take note of before that is in what they tell now, and nothing comes after. Only here, when a recovery could no
 * longer be refused: a controller that lives must not be turned away by one that is.
 */
async function settle(
  peer: Peer,
  file: string,
  known: Known,
  run: RecoveryRun,
  plan: RecoveryPlan
): Promise<Settled> {
  const { chunkRpc, clock, config, logger, membership, random, state } = peer
  const { nodes, found, pieces } = known
  const peers = nodes.map((node) => node.peer)
  const terms = [found.term, state.term.get(), membership.greatestTerm(), ...nodes.map((node) => node.term)]
  const term = newTerm(Math.max(...terms) as Term, random)
  const { requestTimeoutMs: timeoutMs } = config.controller
  const unfenced = await fenceNodes(
    { chunkRpc, timeoutMs, logger, signal: run.signal },
    peers,
    term,
    plan.refusal
  )
  const { lists, silent } = await pieces.list(peers)
  let last: Known = { ...known, silent }
  if (!isDeepStrictEqual(lists, known.lists)) {
    await (run.drafts?.remove(file) ?? removeDraft(file))
    last = await learn(peer, file, nodes, run, plan)
  }
  const facts = { now: clock.now(), intervalMs: config.snapshot.intervalMs }
  const untold = [...new Set([...last.silent, ...unfenced])]
  return { ...last, term, doubt: last.source.suspendAll ?? doubtOf({ ...last, silent: untold }, facts) }
}

async function learn(
  peer: Peer,
  file: string,
  nodes: readonly FoundNode[],
  run: RecoveryRun,
  plan: RecoveryPlan
): Promise<Known> {
  const { chunkRpc, config, cluster, logger } = peer
  run.onProgress?.(`${nodes.length} nodes found; reading what they keep`)
  const pieces = new SnapshotPieces({
    reader: new SnapshotReader({ rpc: chunkRpc, timeoutMs: config.controller.requestTimeoutMs }),
    secret: cluster.secret,
    logger,
    signal: run.signal
  })
  const { lists, silent } = await pieces.list(nodes.map(({ peer: node }) => node))
  const found = sortSnapshots(lists)
  const source = await plan.draft(file, found, pieces, logger)
  const absent = await absentIn(peer, file, { nodes, found, source }, run)
  return { nodes, lists, silent, found, pieces, source, absent }
}

async function absentIn(
  peer: Peer,
  file: string,
  { nodes, found, source }: Pick<Known, 'nodes' | 'found' | 'source'>,
  run: RecoveryRun
): Promise<Absent> {
  if (source.applied === undefined) return { all: [], witnesses: [] }
  // one that led after it may have been elsewhere
  const isLast = !isFollowed(source.applied.term, { shipped: found.term, nodes })
  const store = storeOf(peer, file, run)
  await store.open()
  try {
    const host = isLast ? await store.readSetting(SETTINGS.host) : null
    const records = { nodes: await store.listNodes(), retired: await retiredIn(store), host }
    return absentNodes({ ...records, takenAt: source.takenAt }, nodes)
  } finally {
    await store.close()
  }
}

async function retiredIn(store: MetadataStore): Promise<Set<PeerId>> {
  const decisions = await store.listDecisions()
  return new Set(decisions.filter(({ decision }) => decision === 'retired').map(({ peer }) => peer))
}

type Prepared = Omit<RenewalDeps, 'signal' | 'onProgress'>

async function renewalDeps(
  peer: Peer,
  store: MetadataStore,
  { nodes, found, pieces, source, term, doubt }: Settled,
  plan: RecoveryPlan
): Promise<Prepared> {
  const { clock, config, chunkRpc, cluster, logger, random } = peer
  const touched = await uncoveredNotes(found.notes, source.applied, pieces)
  const unreadable =
    touched.unreadable > 0 ? 'notes of what was redeemed last cannot be read on any node.' : null
  const generation = nodes.reduce(
    (most, node) => (node.generation > most ? node.generation : most),
    await store.lastGeneration()
  )
  const done = plan.kind === 'restore' ? 'restored' : 'recovered'
  return {
    store,
    random,
    touched,
    suspendAll: doubt ?? unreadable,
    term,
    generation,
    frozen: `${done} at ${new Date(clock.now()).toISOString()}`,
    chunkRpc,
    nodes: nodes.map((node) => ({ peer: node.peer, host: node.host })),
    timeoutMs: config.controller.requestTimeoutMs,
    secret: cluster.secret,
    clock,
    logger,
    // the time the lost controller went by: a wall clock here that is ahead must not end links early
    now: resumeAt(await store.advanceTime(0), clock.now(), config.link.leaseMaxMs)
  }
}

async function reportOf(
  { clock, config }: Peer,
  store: MetadataStore,
  { nodes, source }: Known,
  { found, suspended, revoked, suspendAll, uploadsGivenUp, term, generation }: Renewal,
  plan: RecoveryPlan
): Promise<RecoveryReport> {
  const heard = new Set(nodes.map(({ peer }) => peer))
  const retired = await retiredIn(store)
  const absent = (await store.listNodes()).filter(({ peer }) => !heard.has(peer) && !retired.has(peer))
  const { files, fileBytes, linksLive, linksSuspended } = await store.stats(config.replication.copies)
  return {
    version: 1,
    kind: plan.kind,
    endedAt: clock.now(),
    tookMs: 0,
    from: source.applied === undefined ? null : { ...source.applied, takenAt: source.takenAt },
    term,
    generation,
    nodes: nodes.map(({ peer, host, chunks, controllerHeardMsAgo }) => ({
      peer,
      host,
      chunks,
      controllerHeardMsAgo
    })),
    absentNodes: absent.map(({ peer, host }) => ({ peer, host })),
    found,
    links: { suspended, revoked, allSuspended: suspendAll },
    uploadsGivenUp,
    holds: { files, fileBytes, linksLive, linksSuspended }
  }
}
