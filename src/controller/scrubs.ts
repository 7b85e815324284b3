/** The scrubs of all nodes, for an operator: each node does its own. */

import type { Membership } from '../cluster/membership.ts'
import type { Config } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { Clock, Logger } from '../interfaces.ts'
import type {
  ChunkMessages,
  ClusterStatus,
  ControlMessages,
  RequestOf,
  ResponseOf
} from '../protocol/messages.ts'
import type { RpcCaller } from '../protocol/rpc.ts'
import { inParallel } from '../runtime/in-parallel.ts'

/** Nodes asked at once. */
const NODES_AT_ONCE = 16

export interface ScrubsDeps {
  membership: Membership
  chunkRpc: RpcCaller<ChunkMessages>
  clock: Clock
  config: Config
  logger: Logger
}

export class Scrubs {
  readonly #deps: ScrubsDeps

  constructor(deps: ScrubsDeps) {
    this.#deps = deps
  }

  /** Asks the nodes; one that is not heard, or does not answer, has no report. @throws `node-unknown` */
  async ask(
    { peer, start }: RequestOf<ControlMessages, 'scrub'>,
    signal: AbortSignal
  ): Promise<ResponseOf<ControlMessages, 'scrub'>> {
    const { membership, chunkRpc, config, logger } = this.#deps
    const asked = membership
      .all()
      .filter((member) => member.roles.includes('node') && (peer === undefined || member.peer === peer))
    if (peer !== undefined && asked.length === 0)
      throw new PeerbinError('node-unknown', `${peer} is no node of this cluster.`)
    const timeoutMs = config.controller.requestTimeoutMs
    const nodes = await inParallel(asked, NODES_AT_ONCE, async (node) => {
      if (node.liveness !== 'active') return { peer: node.peer, host: node.host, report: null }
      try {
        const { message } = await chunkRpc.call(node.peer, 'scrub', { start }, { signal, timeoutMs })
        return { peer: node.peer, host: node.host, report: message.report }
      } catch (error) {
        logger.warn('a node does not tell about its scrub', { peer: node.peer, err: error })
        return { peer: node.peer, host: node.host, report: null }
      }
    })
    return { nodes }
  }

  status(): ClusterStatus['scrub'] {
    const { membership, clock, config } = this.#deps
    const nodes = membership.active('node').filter((node) => node.chunks > 0)
    const quarantined = nodes.reduce((sum, node) => sum + node.quarantined, 0)
    const oldestAt = nodes.reduce((least, node) => Math.min(least, node.scrubbedAt), Infinity)
    if (oldestAt === Infinity) return { oldestAt: 0, overdue: false, quarantined }
    return { oldestAt, overdue: clock.now() - oldestAt > config.scrub.intervalMs, quarantined }
  }
}
