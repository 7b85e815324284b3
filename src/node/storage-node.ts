import type { ControllerClient } from '../client/controller-client.ts'
import type { Membership } from '../cluster/membership.ts'
import type { Config } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { ChunkStore, Clock, Logger, Network, Random, Service, SnapshotStore } from '../interfaces.ts'
import { CHUNK_PROTOCOL } from '../protocol/limits.ts'
import { chunkMessages, type ChunkMessages } from '../protocol/messages.ts'
import { chunkPolicy } from '../protocol/policy.ts'
import type { RpcCaller } from '../protocol/rpc.ts'
import { serve } from '../protocol/rpc-server.ts'
import type { Cell } from '../runtime/cell.ts'
import { deadline, withDeadline } from '../runtime/deadline.ts'
import { WorkerLoop } from '../runtime/worker-loop.ts'
import type { Receipt, Term } from '../types.ts'
import { BadCopies } from './bad-copies.ts'
import { ChunkBuffers } from './chunk-buffers.ts'
import { ClientLoad } from './client-load.ts'
import { Draining } from './draining.ts'
import { FinishedPuts } from './finished-puts.ts'
import { createHandlers } from './handlers.ts'
import type { NodeLife } from './handlers.ts'
import { Intake } from './intake.ts'
import { InventoryTaker } from './inventory-taker.ts'
import { Orders } from './orders.ts'
import { Places } from './places.ts'
import { ReceiptReporter } from './receipt-reporter.ts'
import { Replication } from './replication.ts'
import { type NodeDescription, SelfReport } from './self-report.ts'
import type { ScrubState } from './scrubber.ts'
import { Scrubbing } from './scrubbing.ts'
import { Serving } from './serving.ts'
import { SnapshotKeeper } from './snapshots/snapshot-keeper.ts'
import { TermFence } from './term-fence.ts'

/** What is under way gets so long to finish when the node stops; then it is aborted. */
const STOP_FINISH_MS = 1000
/** And so long to notice that; the last receipts get as much to reach a controller. */
const STOP_ABORT_MS = 500
/** A store whose disk hangs would keep the process for ever; one that works is closed in a moment. */
const STOP_CLOSE_MS = 2000

export interface StorageNodeDeps {
  readonly network: Network
  readonly store: ChunkStore
  readonly membership: Membership
  readonly chunkRpc: RpcCaller<ChunkMessages>
  readonly controller: Pick<ControllerClient, 'call'>
  /** Greatest term obeyed, durable. */
  readonly term: Cell<Term>
  /** Whether an operator has this node emptied, durable. */
  readonly draining: Cell<boolean>
  /** How far the scrub is, durable. */
  readonly scrub: Cell<ScrubState>
  /** Where snapshots of the metadata are kept. */
  readonly snapshots: SnapshotStore
  /** Number of this start, known once the announcer has started. */
  readonly boot: () => number
  /** Sends a heartbeat without waiting for its time; never rejects. */
  readonly announce: () => Promise<void>
  /** Machine this node is on. */
  readonly host: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config
}

/** Figures for status and metrics; all but the last two are zero when the node is at rest. */
export interface NodeActivity {
  /** Requests of edges that are being answered. */
  clients: number
  receiving: number
  copying: number
  reading: number
  buffers: number
  putsUnderWay: number
  receiptsWaiting: number
  buffersPeak: number
  buffersKept: number
}

/**
 * The storage daemon: keeps chunks, passes them on, serves them, obeys the leading controller. Make it before the network starts
 * (it registers its protocol), start it after. It owns the store's life, and nothing else of what it was given.
 */
export class StorageNode implements Service {
  readonly #deps: StorageNodeDeps
  readonly #places: Places
  readonly #buffers: ChunkBuffers
  readonly #intake: Intake
  readonly #badCopies: BadCopies
  readonly #reporter: ReceiptReporter
  readonly #selfReport: SelfReport
  readonly #replication: Replication
  readonly #fence: TermFence
  readonly #draining: Draining
  readonly #clients = new ClientLoad()
  readonly #inventories: InventoryTaker
  readonly #keeper: SnapshotKeeper
  readonly #reporting: WorkerLoop
  readonly #scrubbing: Scrubbing
  readonly #server: { stop(): Promise<void> }
  #life: NodeLife = 'new'
  #stopped: Promise<void> | undefined
  #unwatch = (): void => {}

  constructor(deps: StorageNodeDeps) {
    const { network, store, clock, logger, controller } = deps
    const config = deps.config.replication
    const self = network.self
    this.#deps = deps
    this.#places = new Places(deps.config.node)
    this.#buffers = new ChunkBuffers(deps.config.node.putsMax)
    this.#badCopies = new BadCopies({ self, controller, logger })
    this.#fence = new TermFence(deps.term, (error) => {
      logger.warn('a term that was heard of could not be stored', { err: error })
    })
    this.#draining = new Draining({ ...deps, cell: deps.draining, fence: this.#fence })
    this.#scrubbing = new Scrubbing({
      ...deps,
      config: deps.config.scrub,
      state: deps.scrub,
      clientsBusy: () => this.#clients.underWay,
      onRotten: (chunk) => this.#badCopies.report(chunk.id, chunk.generation)
    })
    this.#selfReport = new SelfReport({
      store,
      clock,
      logger,
      draining: this.#draining,
      scrubbedAt: () => this.#scrubbing.scrubbedAt()
    })
    this.#reporter = new ReceiptReporter({
      self,
      controller,
      logger,
      intervalMs: deps.config.node.reportIntervalMs
    })
    this.#replication = new Replication({ ...deps, self, config })
    this.#inventories = new InventoryTaker(deps)
    this.#keeper = new SnapshotKeeper({ ...deps, chunks: store, fence: this.#fence })
    const parts = {
      ...deps,
      self,
      config,
      fence: this.#fence,
      replication: this.#replication,
      places: this.#places,
      puts: new FinishedPuts(),
      draining: this.#draining,
      clients: this.#clients,
      badCopies: this.#badCopies,
      buffers: this.#buffers,
      inventories: this.#inventories,
      keeper: this.#keeper,
      scrubbing: this.#scrubbing,
      onStoreError: (error: PeerbinError): void => this.#selfReport.storeError(error),
      onReceipt: (receipt: Receipt): void => this.#reporter.add(receipt),
      life: (): NodeLife => this.#life
    }
    this.#intake = new Intake(parts)
    const serving = new Serving(parts)
    const orders = new Orders({ ...parts, serving })
    this.#reporting = new WorkerLoop(this.#reporter, deps)
    this.#server = serve({
      network,
      protocol: CHUNK_PROTOCOL,
      messages: chunkMessages,
      policy: chunkPolicy,
      handlers: createHandlers({ ...parts, intake: this.#intake, serving, orders }),
      clock,
      logger
    })
  }

  get activity(): NodeActivity {
    return {
      ...this.#places.used,
      clients: this.#clients.underWay,
      buffers: this.#buffers.lent,
      putsUnderWay: this.#intake.underWay,
      receiptsWaiting: this.#reporter.waiting,
      buffersPeak: this.#buffers.peak,
      buffersKept: this.#buffers.kept
    }
  }

  async describe(): Promise<NodeDescription> {
    return await this.#selfReport.describe()
  }

  /** The cluster has retired this node: it takes nothing more, and says so. */
  retire(): void {
    this.#draining.retire()
  }

  /** @throws what the store's `open` throws, e.g. `data-in-use`. */
  async start(): Promise<void> {
    if (this.#life !== 'new') return
    await this.#deps.store.open()
    await this.#keeper.open()
    this.#life = 'running'
    this.#replication.start()
    this.#hearTerms()
    this.#unwatch = this.#deps.membership.onChange(() => this.#hearTerms())
    await Promise.all([this.#reporting.start(), this.#scrubbing.start()])
  }

  /** Within about two seconds, or four when the disk itself hangs. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    await this.#stopped
  }

  async #stop(): Promise<void> {
    const { clock, store } = this.#deps
    this.#life = 'stopping' // new requests are turned away from here on
    const stopping = new PeerbinError('shutting-down')
    await this.#within(STOP_FINISH_MS, 'puts under way', async () => await this.#intake.settled())
    this.#intake.abort(stopping)
    await this.#within(STOP_ABORT_MS, 'work in the background', async () => {
      await Promise.all([this.#inventories.stop(), this.#scrubbing.stop()])
    })
    await this.#within(STOP_ABORT_MS, 'requests', async () => await this.#server.stop())
    await this.#within(STOP_ABORT_MS, 'aborted puts', async () => await this.#intake.settled())
    this.#replication.stop()
    this.#unwatch()
    await this.#reporting.stop()
    using limit = deadline(clock, STOP_ABORT_MS)
    await this.#reporter.flush(limit.signal)
    await this.#badCopies.stop()
    this.#buffers.clear()
    await this.#within(STOP_CLOSE_MS, 'the store', async () => {
      await Promise.all([store.close(), this.#keeper.close(), this.#fence.settled()])
    })
  }

  /** Waits for something that may never come; what it was is logged then. */
  async #within(limitMs: number, what: string, work: () => Promise<void>): Promise<void> {
    try {
      await withDeadline(this.#deps.clock, limitMs, undefined, work)
    } catch (error) {
      this.#deps.logger.warn('the node stops without waiting any longer', { for: what, err: error })
    }
  }

  /** A leader is known by its heartbeat before its first order: from then on an older one gives no orders here. */
  #hearTerms(): void {
    this.#fence.observe(this.#deps.membership.greatestTerm())
  }
}
