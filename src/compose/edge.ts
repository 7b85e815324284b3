import { Edge } from '../edge/edge.ts'
import { VERSION } from '../version.ts'
import { openPeer } from './peer.ts'
import type { Peer, PeerOptions } from './peer.ts'
import { RunningPeer } from './running-peer.ts'
import { shareParts } from './share-parts.ts'

export type EdgeOptions = PeerOptions

/** An HTTP edge: takes uploads, hands out links, redeems them. Holds nothing that must survive. */
export class RunningEdge extends RunningPeer {
  readonly #edge: Edge

  constructor(peer: Peer, edge: Edge) {
    super(peer, { after: [edge] })
    this.#edge = edge
  }

  /** Where it listens, `http://127.0.0.1:8080`; after the start. */
  get url(): string {
    return this.#edge.url
  }
}

/**
 * Makes an edge, not started. It listens where `edge.host` and `edge.port` say.
 * @throws `data-in-use`, `data-incompatible`, `config-invalid`, `join-string-invalid` (also when no cluster is known), `local-file`
 */
export async function createEdge(options: EdgeOptions): Promise<RunningEdge> {
  const peer = await openPeer('edge', options)
  try {
    const edge = new Edge({
      membership: peer.membership,
      controller: peer.controller,
      ...shareParts(peer),
      clock: peer.clock,
      random: peer.random,
      logger: peer.logger,
      config: peer.config,
      version: VERSION,
      clusterName: peer.cluster.clusterName
    })
    return new RunningEdge(peer, edge)
  } catch (error) {
    peer.close()
    throw error
  }
}
