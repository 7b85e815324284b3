/** One recovery, by a member that leads nothing: from what the nodes tell to metadata that can be led again. */

import { sortSnapshots } from '../controller/recovery/found-series.ts'
import type { FoundSnapshots } from '../controller/recovery/found-series.ts'
import { gatherNodes } from '../controller/recovery/nodes.ts'
import type { FoundNode } from '../controller/recovery/nodes.ts'
import { renew } from '../controller/recovery/renewal.ts'
import type { Renewal, RenewalDeps } from '../controller/recovery/renewal.ts'
import type { RecoveryReport } from '../controller/recovery/report.ts'
import { SnapshotPieces } from '../controller/recovery/snapshot-pieces.ts'
import { uncoveredNotes } from '../controller/recovery/uncovered-notes.ts'
import { SnapshotReader } from '../controller/snapshots/node-snapshots.ts'
import type { ErrorCode } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import type { MetadataStore } from '../metadata-store.ts'
import { SqliteMetadataStore } from '../metadata/sqlite-metadata-store.ts'
import type { PeerId, Term } from '../types.ts'
import type { Peer } from './peer.ts'
import type { DraftSource } from './recover-source.ts'

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

/** A snapshot that ends so long before the controller fell silent is not its last word, however well it can be read. */
const STALE_MS_MIN = 60_000
const STALE_INTERVALS = 10

export interface RecoveryRun {
  readonly signal?: AbortSignal | undefined
  /** Told what is being done, in words. */
  readonly onProgress?: ((text: string) => void) | undefined
}

/** What was learnt from the nodes. */
interface Known {
  readonly nodes: readonly FoundNode[]
  readonly found: FoundSnapshots
  readonly pieces: SnapshotPieces
  readonly source: DraftSource
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
  const known = await learn(peer, file, { ...run, onProgress: say }, plan)
  const store = new SqliteMetadataStore({
    file,
    operationsWaitingMax: config.controller.operationsWaitingMax,
    logger
  })
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
    return { ...report, tookMs: clock.monotonic() - beganAt }
  } finally {
    await store.close()
  }
}

async function learn(peer: Peer, file: string, run: RecoveryRun, plan: RecoveryPlan): Promise<Known> {
  const { chunkRpc, config, cluster, logger, network } = peer
  const nodes = await gatherNodes({ ...peer, self: network.self }, plan.refusal, run.signal)
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
  return { nodes, found, pieces, source, doubt: source.suspendAll ?? doubtOf(nodes, silent, source, peer) }
}

type Prepared = Omit<RenewalDeps, 'signal' | 'onProgress'>

async function renewalDeps(
  peer: Peer,
  store: MetadataStore,
  { nodes, found, pieces, source, doubt }: Known,
  plan: RecoveryPlan
): Promise<Prepared> {
  const { clock, config, chunkRpc, cluster, logger, membership, state } = peer
  const touched = await uncoveredNotes(found.notes, source.applied, pieces)
  const unreadable =
    touched.unreadable > 0 ? 'notes of what was redeemed last cannot be read on any node.' : null
  const terms = [found.term, state.term.get(), membership.greatestTerm(), ...nodes.map(({ term }) => term)]
  const generation = nodes.reduce(
    (most, node) => (node.generation > most ? node.generation : most),
    await store.lastGeneration()
  )
  const done = plan.kind === 'restore' ? 'restored' : 'recovered'
  return {
    store,
    touched,
    suspendAll: doubt ?? unreadable,
    greatest: { term: Math.max(...terms) as Term, generation },
    frozen: `${done} at ${new Date(clock.now()).toISOString()}: nothing is deleted until an operator resumes it`,
    chunkRpc,
    nodes: nodes.map((node) => ({ peer: node.peer, host: node.host })),
    timeoutMs: config.controller.requestTimeoutMs,
    secret: cluster.secret,
    logger,
    now: clock.now()
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
  const decisions = await store.listDecisions()
  const retired = new Set(decisions.filter(({ decision }) => decision === 'retired').map(({ peer }) => peer))
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

/** Why the links of the snapshot cannot be trusted although it could be read; null: they can. */
function doubtOf(
  nodes: readonly FoundNode[],
  silent: readonly PeerId[],
  source: DraftSource,
  { clock, config }: Peer
): string | null {
  if (silent.length > 0)
    return `the node ${silent.join(', ')} does not tell what it keeps, which may be newer than what the others do.`
  const heardMs = nodes.map((node) => node.controllerHeardMsAgo ?? Infinity)
  const silenceMs = Math.min(...heardMs)
  if (source.applied === undefined || silenceMs === Infinity) return null
  const missingMs = clock.now() - silenceMs - source.takenAt
  if (missingMs <= Math.max(STALE_MS_MIN, STALE_INTERVALS * config.snapshot.intervalMs)) return null
  return `the newest snapshot is ${Math.round(missingMs / 1000)} s older than the last sign of life of the lost controller.`
}
