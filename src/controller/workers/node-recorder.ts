import type { Membership } from '../../cluster/membership.ts'
import type { Worker } from '../../interfaces.ts'
import type { MetadataStore, NodeRecord } from '../../metadata-store.ts'
import type { PeerId } from '../../types.ts'
import { heartbeatOf, recordOf, worthRecording } from '../node-records.ts'

/** Heartbeats are recorded together, so often. */
const INTERVAL_MS = 1000

export interface NodeRecorderDeps {
  store: MetadataStore
  membership: Membership
}

/** Keeps what is known of nodes over restarts: which there are (their hosts count at every commit), where, and when last heard. */
export class NodeRecorder implements Worker {
  readonly name = 'node-recorder'
  readonly idleMs = INTERVAL_MS
  readonly #deps: NodeRecorderDeps
  readonly #stored = new Map<PeerId, NodeRecord>()
  readonly #ignored = new Set<PeerId>()

  constructor(deps: NodeRecorderDeps) {
    this.#deps = deps
  }

  /** Tells membership of the nodes that were known before; those already heard stay as they are. Once, before anything is served. */
  async restore(): Promise<void> {
    const { store, membership } = this.#deps
    for (const record of await store.listNodes()) {
      this.#stored.set(record.peer, record)
      if (membership.get(record.peer) === undefined) {
        membership.remember(heartbeatOf(record), record.lastSeenAt)
      }
    }
  }

  /** It was retired: whatever is still heard of it is not recorded. */
  ignore(peer: PeerId): void {
    this.#ignored.add(peer)
    this.#stored.delete(peer)
  }

  async step(): Promise<'idle'> {
    const nodes = this.#deps.membership
      .all()
      .filter((member) => member.roles.includes('node') && !this.#ignored.has(member.peer))
    const news = nodes
      .map((member) => recordOf(member))
      .filter((record) => worthRecording(this.#stored.get(record.peer), record))
    if (news.length === 0) return 'idle'
    await this.#deps.store.recordNodes(news)
    for (const record of news) this.#stored.set(record.peer, record)
    return 'idle'
  }
}
