/** The controller: leads the cluster, answers the control protocol, and works behind it. This file only puts the parts together. */

import type { Membership } from '../cluster/membership.ts'
import type { Config } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { Clock, Logger, Network, Random, Service } from '../interfaces.ts'
import type { MetadataStore, SnapshotSource } from '../metadata-store.ts'
import { CONTROL_PROTOCOL } from '../protocol/limits.ts'
import { controlMessages } from '../protocol/messages.ts'
import type { ChunkMessages, ClusterStatus } from '../protocol/messages.ts'
import { controlPolicy } from '../protocol/policy.ts'
import { serve } from '../protocol/rpc-server.ts'
import type { RpcServer } from '../protocol/rpc-server.ts'
import type { RpcCaller } from '../protocol/rpc.ts'
import type { ChunkId, PeerId, Term } from '../types.ts'
import { createAccounts } from './accounts/accounts.ts'
import type { Accounts } from './accounts/accounts.ts'
import { createBlocks } from './blocks/blocks.ts'
import { CopyCheck } from './copy-check.ts'
import { FileChunks } from './file-chunks.ts'
import { createUserFiles } from './files/user-files.ts'
import { createHandlers } from './handlers.ts'
import { createHistory } from './history/history.ts'
import { createEvents } from './events/events.ts'
import type { Events } from './events/events.ts'
import type { History } from './history/history.ts'
import { Leadership, NO_TERM, greatestTerm } from './leadership.ts'
import { LinkService } from './link-service.ts'
import { Brakes } from './inventory/brakes.ts'
import { createInventory } from './inventory/inventory.ts'
import type { Inventory } from './inventory/inventory.ts'
import { createLoops } from './loops.ts'
import type { Loops } from './loops.ts'
import { createPools } from './pools/pools.ts'
import { createRepair } from './repair/repair.ts'
import type { Repair } from './repair/repair.ts'
import { Scrubs } from './scrubs.ts'
import { SETTINGS } from './settings.ts'
import { createSnapshots } from './snapshots/snapshots.ts'
import type { Snapshots } from './snapshots/snapshots.ts'
import { RecentChunks } from './recent-chunks.ts'
import { RecentStats } from './recent-stats.ts'
import { ResumptionService } from './resumption-service.ts'
import { clusterStatus } from './status.ts'
import { StoreTime } from './store-time.ts'
import { TrimWatch } from './trim-watch.ts'
import { UploadService } from './upload-service.ts'
import { NodeRecorder } from './workers/node-recorder.ts'
import { createWebhooks } from './webhooks/webhooks.ts'
import type { Webhooks } from './webhooks/webhooks.ts'
import { PasswordAttempts, linkAttempts } from './password-attempts.ts'

export interface ControllerDeps {
  readonly network: Network
  /** Opened and closed by the controller. */
  readonly store: MetadataStore
  /** Where snapshots of the metadata come from; without it nodes keep none. */
  readonly snapshots?: SnapshotSource | undefined
  /** Seals snapshots; without it nodes keep none. */
  readonly clusterSecret?: Uint8Array | undefined
  /** Machine this process is on, as placement sees it; a recovery has to know it. */
  readonly host?: string | undefined
  readonly membership: Membership
  readonly chunkRpc: RpcCaller<ChunkMessages>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config
  /** Told the secret with which the first administrator can be made, at a start without one. For a person's eyes, never for a log. */
  readonly onSetupSecret?: ((secret: string) => void) | undefined
}

/** Lives once: after `stop` a new one is made. */
export class Controller implements Service {
  readonly #deps: ControllerDeps
  readonly #leadership: Leadership
  readonly #time: StoreTime
  readonly #nodes: NodeRecorder
  readonly #trims: TrimWatch
  readonly #loops: Loops
  readonly #stats: RecentStats
  readonly #server: RpcServer
  readonly #parts: {
    accounts: Accounts
    repair: Repair
    inventory: Inventory
    snapshots: Snapshots
    scrubs: Scrubs
    history: History
    events: Events
    webhooks: Webhooks
  }
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  /** The store is open. */
  #open = false
  #unwatch = (): void => {}

  /** Registers the control protocol, so that it must come before `network.start()`. */
  constructor(deps: ControllerDeps) {
    const { network, store, membership, clock, config } = deps
    const logger = deps.logger.child({ part: 'controller' })
    this.#deps = { ...deps, logger }
    const leadership = new Leadership({ self: network.self, membership, logger })
    const time = new StoreTime(clock)
    const recent = new RecentChunks({ clock, recentMs: config.replication.owedDelayMs })
    const urge = (chunks: readonly ChunkId[]): void => parts.repair.urge(chunks)
    const onDoubt = (peer: PeerId): void => parts.inventory.recheck(peer)
    const check = new CopyCheck({ ...this.#deps, onDropped: urge, onDoubt, config: config.replication })
    const nodes = new NodeRecorder({ store, membership })
    const brakes = new Brakes({ store })
    const trims = new TrimWatch({ clock, rememberMs: config.controller.uploadTtlMs })
    const shared = { ...this.#deps, leadership, time, recent, check, nodes, brakes, trims }
    const parts = {
      accounts: createAccounts(shared),
      repair: createRepair(shared),
      inventory: createInventory({ ...shared, urge }),
      snapshots: createSnapshots({ ...shared, source: deps.snapshots }),
      history: createHistory(shared),
      events: createEvents(shared),
      webhooks: createWebhooks(shared)
    }
    const scrubs = new Scrubs(this.#deps)
    const chunks = new FileChunks({ store, membership, onRead: (ids) => parts.repair.noteReads(ids) })
    const onGarbage = (): void => loops.condemner.nudge()
    const onEnded = (): void => loops.settler.nudge()
    const files = createUserFiles({ ...shared, ...parts, chunks, notes: parts.snapshots, onEnded })
    const uploads = new UploadService({ ...shared, ...parts, self: network.self, onGarbage })
    const blocks = createBlocks({ ...shared, ...parts, uploads, onGarbage })
    const pools = createPools({ ...shared, ...parts, onEnded })
    const all = { ...parts, files, blocks, pools }
    const loops = createLoops(shared, all)
    this.#server = serve({
      network,
      protocol: CONTROL_PROTOCOL,
      messages: controlMessages,
      policy: controlPolicy,
      handlers: createHandlers({
        ...all,
        leadership,
        uploads,
        resumption: new ResumptionService({ ...shared, ...parts, uploads, onGarbage }),
        links: new LinkService({
          ...shared,
          self: network.self,
          chunks,
          attempts: new PasswordAttempts(clock, linkAttempts(config.link)),
          config: config.link,
          notes: parts.snapshots,
          onEnded
        }),
        chunks,
        check,
        scrubs,
        status: () => this.status()
      }),
      clock,
      logger
    })
    this.#leadership = leadership
    this.#time = time
    this.#nodes = nodes
    this.#trims = trims
    this.#stats = new RecentStats({ store, clock })
    this.#loops = loops
    this.#parts = { ...parts, scrubs }
  }

  /** Leading term; 0 before `start`. */
  get term(): Term {
    return this.#leadership.term
  }

  /**
   * Opens the store, takes a term above every one known here, goes on with the store's time and the nodes known before, and begins to lead.
   *
   * @throws what opening the store throws (`data-in-use`, `data-incompatible`, …); nothing is left open then.
   */
  async start(): Promise<void> {
    if (this.#stopping !== undefined) throw new PeerbinError('shutting-down')
    this.#starting ??= this.#start()
    await this.#starting
  }

  async #start(): Promise<void> {
    const { store, membership, host, config, logger } = this.#deps
    await store.open()
    try {
      const term = await store.advanceTerm(greatestTerm(membership.all()))
      const markMs = await store.advanceTime(0) // raises nothing, and answers the mark
      this.#time.resume(markMs, config.link.leaseMaxMs)
      // before anything is noted, so that every snapshot of this term says where it was led from
      await store.writeSetting(SETTINGS.host, host ?? null)
      await this.#parts.events.restore()
      await this.#nodes.restore()
      await this.#parts.repair.restore()
      await this.#parts.inventory.restore()
      this.#trims.begin(await store.lastGeneration())
      await this.#offerSetup()
      this.#open = true
      logger.info('the controller leads', { term })
      this.#leadership.begin(term)
      this.#unwatch = membership.onChange(() => this.#leadership.check())
      await Promise.all(this.#loops.all.map((loop) => loop.start()))
    } catch (error) {
      this.#open = false
      await store.close()
      throw error
    }
  }

  async #offerSetup(): Promise<void> {
    const secret = await this.#parts.accounts.newSetupSecret()
    if (secret !== undefined) this.#deps.onSetupSecret?.(secret)
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    await this.#stopping
  }

  async #stop(): Promise<void> {
    // a start under way is waited for; that it failed its caller knows, and nothing is open then
    await this.#starting?.catch(() => undefined)
    this.#unwatch()
    await Promise.all(this.#loops.all.map((loop) => loop.stop()))
    this.#leadership.end()
    await this.#server.stop()
    await this.#parts.snapshots.stop()
    if (!this.#open) return
    this.#open = false
    const { store, logger } = this.#deps
    try {
      await store.advanceTime(this.#time.now())
    } catch (error) {
      // the last mark is about a second old, and the next start can go on from that
      logger.warn('the time of stopping could not be stored', { err: error })
    }
    await store.close()
  }

  /** For the heartbeat: the term while this controller leads, else 0, so that nobody asks it; and the nodes that were retired, the newest last. */
  async describe(): Promise<{ term: Term; retired: PeerId[] }> {
    const { leads, term } = this.#leadership
    if (!leads) return { term: NO_TERM, retired: [] }
    return { term, retired: this.#parts.repair.retired().toReversed() }
  }

  /** @throws `shutting-down` when the store is not open: only between `start` and `stop`. */
  async status(): Promise<ClusterStatus> {
    if (!this.#open) throw new PeerbinError('shutting-down', 'The controller is not running.')
    const { membership, config } = this.#deps
    return await clusterStatus(
      { ...this.#parts, stats: this.#stats, membership, copies: config.replication.copies },
      { term: this.term, now: this.#time.now(), workers: this.#loops.all.map((loop) => loop.report) }
    )
  }
}
