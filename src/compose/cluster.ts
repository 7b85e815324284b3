import { join } from 'node:path'
import type { ConfigInput } from '../config.ts'
import type { Clock, Logger, Random, Service } from '../interfaces.ts'
import { MemoryHub } from '../network/memory-network.ts'
import { systemClock } from '../runtime/clock.ts'
import { deadline } from '../runtime/deadline.ts'
import { silentLogger } from '../runtime/logger.ts'
import { systemRandom } from '../runtime/random.ts'
import { createClient } from './client.ts'
import type { Download, DownloadOptions, RunningClient, Share, ShareOptions } from './client.ts'
import { parseJoinString } from './cluster-key.ts'
import type { ClusterKey } from './cluster-key.ts'
import { createController } from './controller.ts'
import type { RunningController } from './controller.ts'
import { createEdge } from './edge.ts'
import type { RunningEdge } from './edge.ts'
import { createNode } from './node.ts'
import type { RunningNode } from './node.ts'
import type { PeerOptions } from './peer.ts'
import { ServiceStack } from './service-stack.ts'

export interface ClusterOptions {
  /** Storage nodes; at least 2 for uploads to succeed. Default 3. */
  nodes?: number | undefined
  /** HTTP edges. Default 0: `upload` and `download` need none. With more than one, `edge.port` must be 0. */
  edges?: number | undefined
  /** Folder that holds everything; the next cluster on it goes on with what is there. Absent: in memory. */
  data?: string | undefined
  /** `memory` (default without `data`): inside this process only. `libp2p`: real sockets, on loopback unless the settings say otherwise; others may join. */
  network?: 'memory' | 'libp2p' | undefined
  config?: ConfigInput | undefined
  logger?: Logger | undefined
  clock?: Clock | undefined
  random?: Random | undefined
  /** How long `start` waits for the members to find each other. Default 30 s. */
  readyMs?: number | undefined
  /** As ControllerOptions.onSetupSecret. */
  onSetupSecret?: ((secret: string) => void) | undefined
}

/** A share with its links; both are undefined in a cluster without edges. */
export interface ClusterShare extends Share {
  /** The page to send to people. */
  readonly url: string | undefined
  /** For programs: redeems at once. */
  readonly directUrl: string | undefined
}

const NODES_DEFAULT = 3
const READY_MS = 30_000

/** A whole cluster in one process. */
export class RunningCluster implements Service {
  readonly controller: RunningController
  readonly nodes: readonly RunningNode[]
  readonly edges: readonly RunningEdge[]
  readonly #client: RunningClient
  readonly #stack: ServiceStack
  readonly #clock: Clock
  readonly #readyMs: number

  constructor(parts: {
    readonly controller: RunningController
    readonly nodes: readonly RunningNode[]
    readonly edges: readonly RunningEdge[]
    readonly client: RunningClient
    readonly logger: Logger
    readonly clock: Clock
    readonly readyMs: number
  }) {
    this.controller = parts.controller
    this.nodes = parts.nodes
    this.edges = parts.edges
    this.#client = parts.client
    this.#clock = parts.clock
    this.#readyMs = parts.readyMs
    this.#stack = new ServiceStack({
      services: [parts.controller, ...parts.nodes, parts.client, ...parts.edges],
      logger: parts.logger,
      onStopped: () => {}
    })
  }

  /** Lets peers outside join, when the network is libp2p. Holds the cluster's secret. */
  get joinString(): string {
    return this.controller.joinString
  }

  /** Resolves when an upload would succeed. @throws `not-enough-nodes` when it does not come to that in time; everything is stopped then */
  async start(): Promise<void> {
    await this.#stack.start()
    using limit = deadline(this.#clock, this.#readyMs)
    try {
      await this.#client.ready(limit.signal)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  stop(): Promise<void> {
    return this.#stack.stop()
  }

  /** As RunningClient.upload, with the links at the first edge. */
  async upload(source: Uint8Array | AsyncIterable<Uint8Array>, options: ShareOptions): Promise<ClusterShare> {
    const share = await this.#client.upload(source, options)
    const edge = this.edges[0]
    if (edge === undefined) return { ...share, url: undefined, directUrl: undefined }
    return {
      ...share,
      url: `${edge.url}/d/${share.token}`,
      directUrl: `${edge.url}/download/${share.token}`
    }
  }

  /** As RunningClient.download. */
  download(link: string, options: DownloadOptions = {}): Promise<Download> {
    return this.#client.download(link, options)
  }
}

/**
 * Makes a controller, nodes and edges in this process, not started: for tests, and for programs that share files by themselves.
 * @throws as createController, createNode and createEdge; nothing is left open then
 */
export async function createCluster(options: ClusterOptions = {}): Promise<RunningCluster> {
  const made: Service[] = []
  const keep = <T extends Service>(service: T): T => {
    made.push(service)
    return service
  }
  try {
    const shared = sharedOptions(options)
    const controller = keep(
      await createController({ ...shared.of('controller'), onSetupSecret: options.onSetupSecret })
    )
    const member = { cluster: shared.keyOf(controller) }
    const nodes: RunningNode[] = []
    for (let i = 1; i <= (options.nodes ?? NODES_DEFAULT); i++)
      nodes.push(keep(await createNode({ ...shared.of(`node-${i}`), ...member })))
    const edges: RunningEdge[] = []
    for (let i = 1; i <= (options.edges ?? 0); i++)
      edges.push(keep(await createEdge({ ...shared.of(`edge-${i}`), ...member })))
    const client = keep(await createClient({ ...shared.of('client'), ...member }))
    return new RunningCluster({
      controller,
      nodes,
      edges,
      client,
      logger: options.logger ?? silentLogger,
      clock: options.clock ?? systemClock,
      readyMs: options.readyMs ?? READY_MS
    })
  } catch (error) {
    await Promise.allSettled(made.map((service) => service.stop())) // the first error says what went wrong
    throw error
  }
}

interface SharedOptions {
  of(name: string): PeerOptions
  keyOf(controller: RunningController): ClusterKey | undefined
}

function sharedOptions(options: ClusterOptions): SharedOptions {
  const clock = options.clock ?? systemClock
  const random = options.random ?? systemRandom
  const inMemory = (options.network ?? (options.data === undefined ? 'memory' : 'libp2p')) === 'memory'
  const hub = new MemoryHub({ clock, random })
  const network: Pick<PeerOptions, 'network'> = inMemory
    ? { network: (self) => hub.network({ peer: self }) }
    : {}
  const { data, config, logger } = options
  return {
    of: (name) => ({
      config,
      logger,
      clock,
      random,
      ...network,
      ...(data === undefined ? {} : { data: join(data, name) })
    }),
    keyOf: (controller) => parseJoinString(controller.joinString)
  }
}
