/** Makes the metadata of a cluster anew whose controller's machine is lost: from the snapshots that nodes keep, or from a backup, and from the manifests of files. */

import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sortSnapshots } from '../controller/recovery/found-series.ts'
import type { FoundSnapshots } from '../controller/recovery/found-series.ts'
import { gatherNodes } from '../controller/recovery/nodes.ts'
import type { FoundNode } from '../controller/recovery/nodes.ts'
import { renew } from '../controller/recovery/renewal.ts'
import type { RecoveryReport } from '../controller/recovery/report.ts'
import { SnapshotPieces } from '../controller/recovery/snapshot-pieces.ts'
import { uncoveredNotes } from '../controller/recovery/uncovered-notes.ts'
import { SnapshotReader } from '../controller/snapshots/node-snapshots.ts'
import type { ConfigInput } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Clock, Logger, Network } from '../interfaces.ts'
import type { MetadataStore } from '../metadata-store.ts'
import { SqliteMetadataStore } from '../metadata/sqlite-metadata-store.ts'
import type { Address, PeerId, Term } from '../types.ts'
import { sameCluster, readClusterKey, writeClusterKey } from './cluster-key.ts'
import type { ClusterKey } from './cluster-key.ts'
import { beginDraft, draftFile, finishDraft, reportFile } from './controller-folder.ts'
import { CONTROLLER_NAME } from './founding.ts'
import { readHomeMemory } from './home-memory.ts'
import { openPeer } from './peer.ts'
import type { Peer } from './peer.ts'
import type { DraftSource } from './recover-source.ts'
import { RunningPeer } from './running-peer.ts'
import { ensureFolder } from './secret-file.ts'

export interface RecoverOptions {
  readonly home: string
  /** Folder of the controller in the home. */
  readonly name?: string | undefined
  /** The lost cluster, unless the home belongs to it. */
  readonly join?: ClusterKey | undefined
  /** Where members may be found, beside those of the join string and those that other roles in the home remember. */
  readonly peers?: readonly Address[] | undefined
  readonly config?: ConfigInput | undefined
  readonly network?: Network | ((self: PeerId) => Network) | undefined
  readonly logger?: Logger | undefined
  readonly clock?: Clock | undefined
  readonly signal?: AbortSignal | undefined
  /** Told what is being done, in words. */
  readonly onProgress?: ((text: string) => void) | undefined
}

/** How the metadata comes to be, and what a refusal is called. */
export interface RecoveryPlan {
  readonly kind: RecoveryReport['kind']
  readonly refusal: Extract<ErrorCode, 'recovery-refused' | 'restore-refused'>
  /** Makes the draft's file, if there is anything to make it from. */
  readonly draft: (file: string, found: FoundSnapshots, pieces: SnapshotPieces) => Promise<DraftSource>
}

/** Addresses that a join string holds at most (cluster/join-string.ts). */
const ADDRESSES_MAX = 16

/**
 * Leaves a controller's folder in the home that can be led; nothing leads yet. Whatever ends it before leaves a mark, and it can be run again.
 * @throws `plan.refusal` with the reason, `join-string-invalid`, `data-in-use`, `data-incompatible`, `local-file`, the signal's reason, …
 */
export async function recoverFolder(options: RecoverOptions, plan: RecoveryPlan): Promise<RecoveryReport> {
  const { home } = options
  const folder = join(home, options.name ?? CONTROLLER_NAME)
  const cluster = await clusterOf(home, options.join)
  const memory = await readHomeMemory(home)
  await beginDraft(folder, plan.refusal)
  const addresses = [...(options.peers ?? []), ...cluster.addresses, ...memory.addresses]
  const peer = await openPeer('controller', {
    data: folder,
    cluster: { ...cluster, addresses: [...new Set(addresses)].slice(0, ADDRESSES_MAX) },
    config: options.config,
    network: options.network,
    logger: options.logger,
    clock: options.clock
  })
  const running = new RunningPeer(peer, {})
  let report: RecoveryReport
  try {
    await running.start()
    report = await new Recovery(peer, options, plan).run(draftFile(folder))
  } finally {
    await running.stop()
  }
  await writeReport(reportFile(folder), report)
  if ((await readClusterKey(home)) === undefined) await writeClusterKey(home, cluster)
  await finishDraft(folder)
  return report
}

async function clusterOf(home: string, given: ClusterKey | undefined): Promise<ClusterKey> {
  await ensureFolder(home)
  const known = await readClusterKey(home)
  if (known !== undefined && given !== undefined && !sameCluster(known, given))
    throw new PeerbinError(
      'join-string-invalid',
      `${home} belongs to another cluster than the join string; use another --data`
    )
  const cluster = given ?? known
  if (cluster === undefined)
    throw new PeerbinError(
      'join-string-invalid',
      `${home} belongs to no cluster: give the --data of a member on this machine, or the join string of the cluster`
    )
  return cluster
}

async function writeReport(path: string, report: RecoveryReport): Promise<void> {
  try {
    await writeFile(`${path}.new`, `${JSON.stringify(report, undefined, 2)}\n`, {
      mode: 0o600,
      flush: true
    })
    await rename(`${path}.new`, path)
  } catch (error) {
    throw new PeerbinError('local-file', `cannot write ${path}`, { cause: error })
  }
}

/** One run, by a member that leads nothing. */
class Recovery {
  readonly #peer: Peer
  readonly #options: RecoverOptions
  readonly #plan: RecoveryPlan

  constructor(peer: Peer, options: RecoverOptions, plan: RecoveryPlan) {
    this.#peer = peer
    this.#options = options
    this.#plan = plan
  }

  async run(file: string): Promise<RecoveryReport> {
    const { clock, config, network } = this.#peer
    const beganAt = clock.monotonic()
    this.#say(`looking for nodes for ${Math.ceil(config.snapshot.gatherMs / 1000)} s`)
    const nodes = await gatherNodes(
      { ...this.#peer, self: network.self },
      this.#plan.refusal,
      this.#options.signal
    )
    this.#say(`${nodes.length} nodes found; reading what they keep`)
    const pieces = this.#pieces()
    const { lists, silent } = await pieces.list(nodes.map(({ peer }) => peer))
    const found = sortSnapshots(lists)
    const source = await this.#plan.draft(file, found, pieces)
    const doubt = source.suspendAll ?? doubtOf(nodes, silent, source, this.#peer)
    const store = new SqliteMetadataStore({
      file,
      operationsWaitingMax: config.controller.operationsWaitingMax,
      logger: this.#peer.logger
    })
    await store.open()
    try {
      const report = await this.#renew(store, { nodes, found, source, doubt, pieces })
      return { ...report, tookMs: clock.monotonic() - beganAt }
    } finally {
      await store.close()
    }
  }

  async #renew(
    store: MetadataStore,
    known: {
      nodes: FoundNode[]
      found: FoundSnapshots
      source: DraftSource
      doubt: string | null
      pieces: SnapshotPieces
    }
  ): Promise<RecoveryReport> {
    const { clock, config, chunkRpc, cluster, logger, membership } = this.#peer
    const { nodes, found, source, pieces } = known
    const touched = await uncoveredNotes(found.notes, source.applied, pieces)
    const suspendAll =
      known.doubt ??
      (touched.unreadable > 0 ? 'notes of what was redeemed last cannot be read on any node.' : null)
    this.#say('looking for files that only their manifests tell of')
    const renewal = await renew({
      store,
      touched,
      suspendAll,
      greatest: {
        term: Math.max(found.term, membership.greatestTerm(), ...nodes.map(({ term }) => term)) as Term,
        generation: nodes.reduce(
          (most, node) => (node.generation > most ? node.generation : most),
          await store.lastGeneration()
        )
      },
      frozen: `${this.#plan.kind === 'restore' ? 'restored' : 'recovered'} at ${new Date(clock.now()).toISOString()}: nothing is deleted until an operator resumes it`,
      chunkRpc,
      nodes: nodes.map(({ peer }) => peer),
      timeoutMs: config.controller.requestTimeoutMs,
      signal: this.#options.signal,
      secret: cluster.secret,
      logger,
      now: clock.now(),
      onProgress: (looked, adopted) => this.#say(`${looked} manifests looked at, ${adopted} files found`)
    })
    const heard = new Set(nodes.map(({ peer }) => peer))
    const retired = new Set((await store.listDecisions()).map(({ peer }) => peer))
    const recorded = await store.listNodes()
    const stats = await store.stats(config.replication.copies)
    return {
      version: 1,
      kind: this.#plan.kind,
      endedAt: clock.now(),
      tookMs: 0,
      from: source.applied === undefined ? null : { ...source.applied, takenAt: source.takenAt },
      term: renewal.term,
      generation: renewal.generation,
      nodes: nodes.map(({ peer, host, chunks, controllerHeardMsAgo }) => ({
        peer,
        host,
        chunks,
        controllerHeardMsAgo
      })),
      absentNodes: recorded
        .filter(({ peer }) => !heard.has(peer) && !retired.has(peer))
        .map(({ peer, host }) => ({ peer, host })),
      found: renewal.found,
      links: { suspended: renewal.suspended, revoked: renewal.revoked, allSuspended: suspendAll },
      uploadsGivenUp: renewal.uploadsGivenUp,
      holds: {
        files: stats.files,
        fileBytes: stats.fileBytes,
        linksLive: stats.linksLive,
        linksSuspended: stats.linksSuspended
      }
    }
  }

  #pieces(): SnapshotPieces {
    const { chunkRpc, config, cluster, logger } = this.#peer
    return new SnapshotPieces({
      reader: new SnapshotReader({ rpc: chunkRpc, timeoutMs: config.controller.requestTimeoutMs }),
      secret: cluster.secret,
      logger,
      signal: this.#options.signal
    })
  }

  #say(text: string): void {
    this.#peer.logger.info(text)
    this.#options.onProgress?.(text)
  }
}

/** A snapshot that ends so long before the controller fell silent is not its last word, however well it can be read. */
const STALE_MS_MIN = 60_000
const STALE_INTERVALS = 10

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
