import type { ControllerClient } from '../client/controller-client.ts'
import type { Membership } from '../cluster/membership.ts'
import type { Config } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { ChunkStore, Clock, Logger, Network, Random, Service } from '../interfaces.ts'
import { CHUNK_PROTOCOL } from '../protocol/limits.ts'
import { chunkMessages, type ChunkMessages } from '../protocol/messages.ts'
import { chunkPolicy } from '../protocol/policy.ts'
import type { RpcAnswer, RpcCaller, RpcHandlers, RpcRequest } from '../protocol/rpc.ts'
import { serve } from '../protocol/rpc-server.ts'
import type { Cell } from '../runtime/cell.ts'
import { deadline, withDeadline } from '../runtime/deadline.ts'
import { WorkerLoop } from '../runtime/worker-loop.ts'
import type { Term } from '../types.ts'
import { BadCopies } from './bad-copies.ts'
import { ChunkBuffers } from './chunk-buffers.ts'
import { Intake } from './intake.ts'
import { Orders } from './orders.ts'
import { Places } from './places.ts'
import { ReceiptReporter } from './receipt-reporter.ts'
import { Replication } from './replication.ts'
import { type NodeDescription, SelfReport } from './self-report.ts'
import { Serving } from './serving.ts'
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
  /** Number of this start, known once the announcer has started. */
  readonly boot: () => number
  /** Machine this node is on. */
  readonly host: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config
}

/** Figures for status and metrics; all but the last two are zero when the node is at rest. */
export interface NodeActivity {
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
  readonly #reporting: WorkerLoop
  readonly #server: { stop(): Promise<void> }
  #state: 'new' | 'running' | 'stopping' = 'new'
  #stopped: Promise<void> | undefined
  #unwatch = (): void => {}

  constructor(deps: StorageNodeDeps) {
    const { network, store, clock, logger, boot, host, controller } = deps
    const config = deps.config.replication
    const self = network.self
    this.#deps = deps
    this.#places = new Places(deps.config.node)
    this.#buffers = new ChunkBuffers(deps.config.node.putsMax)
    this.#badCopies = new BadCopies({ self, controller, logger })
    this.#selfReport = new SelfReport({ store, clock, logger })
    this.#reporter = new ReceiptReporter({
      controller,
      logger,
      intervalMs: deps.config.node.reportIntervalMs
    })
    const replication = new Replication({ ...deps, self, config })
    this.#replication = replication
    const parts = { self, store, clock, logger, boot, host, config, replication, places: this.#places }
    const onStoreError = (error: PeerbinError): void => this.#selfReport.storeError(error)
    const onReceipt = this.#reporter.add.bind(this.#reporter)
    this.#intake = new Intake({ ...parts, buffers: this.#buffers, onReceipt, onStoreError })
    const serving = new Serving({ ...parts, badCopies: this.#badCopies })
    this.#fence = new TermFence(deps.term)
    const orders = new Orders({ ...parts, fence: this.#fence, serving, onStoreError })
    this.#reporting = new WorkerLoop(this.#reporter, deps)
    this.#server = serve({
      network,
      protocol: CHUNK_PROTOCOL,
      messages: chunkMessages,
      policy: chunkPolicy,
      handlers: this.#handlers(serving, orders),
      clock,
      logger
    })
  }

  get activity(): NodeActivity {
    return {
      ...this.#places.used,
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

  /** @throws what the store's `open` throws, e.g. `data-in-use`. */
  async start(): Promise<void> {
    if (this.#state !== 'new') return
    await this.#deps.store.open()
    this.#state = 'running'
    this.#replication.start()
    this.#hearTerms()
    this.#unwatch = this.#deps.membership.onChange(() => this.#hearTerms())
    await this.#reporting.start()
  }

  /** Within about two seconds, or four when the disk itself hangs. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    await this.#stopped
  }

  async #stop(): Promise<void> {
    const { clock, store } = this.#deps
    this.#state = 'stopping' // new requests are turned away from here on
    const stopping = new PeerbinError('shutting-down')
    await this.#within(STOP_FINISH_MS, 'puts under way', async () => await this.#intake.settled())
    this.#intake.abort(stopping)
    await this.#within(STOP_ABORT_MS, 'requests', async () => await this.#server.stop())
    await this.#within(STOP_ABORT_MS, 'aborted puts', async () => await this.#intake.settled())
    this.#replication.stop()
    this.#unwatch()
    await this.#reporting.stop()
    using limit = deadline(clock, STOP_ABORT_MS)
    await this.#reporter.flush(limit.signal)
    await this.#badCopies.stop()
    this.#buffers.clear()
    await this.#within(STOP_CLOSE_MS, 'the store', async () => await store.close())
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
    for (const member of this.#deps.membership.all()) this.#fence.observe(member.term)
  }

  #handlers(serving: Serving, orders: Orders): RpcHandlers<ChunkMessages> {
    return {
      put: this.#whileRunning((request) => this.#intake.put(request)),
      get: this.#whileRunning((request) => serving.get(request)),
      has: this.#whileRunning((request) => serving.has(request)),
      list: this.#whileRunning((request) => serving.list(request)),
      delete: this.#whileRunning((request) => orders.delete(request)),
      copy: this.#whileRunning((request) => orders.copy(request))
    }
  }

  /** Nothing is asked of a store that is not open. */
  #whileRunning<Message, Answer>(
    handler: (request: RpcRequest<Message>) => Promise<RpcAnswer<Answer>>
  ): (request: RpcRequest<Message>) => Promise<RpcAnswer<Answer>> {
    return async (request) => {
      if (this.#state === 'running') return await handler(request)
      if (this.#state === 'stopping') throw new PeerbinError('shutting-down')
      throw new PeerbinError('busy', 'The node is starting.', { retryAfterMs: 500 })
    }
  }
}
