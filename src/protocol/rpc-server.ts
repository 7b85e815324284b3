/** Serves one protocol: takes streams from the network, bounds them per peer, and lets a session answer the requests on each. */

import { PeerbinError, hasCode } from '../errors.ts'
import type { ByteStream, Clock, Logger, Network } from '../interfaces.ts'
import type { PeerId, Role } from '../types.ts'
import { STREAMS_PER_PEER_MAX } from './limits.ts'
import type { MessageTable } from './messages.ts'
import type { RpcHandlers } from './rpc.ts'
import { RpcSession } from './rpc-session.ts'

/** Bounds of a server; all have defaults. */
export interface ServeLimits {
  /** A stream without a complete header for so long is closed; longer than a caller keeps an idle one. */
  idleMs: number
  /** A request's body must have arrived so long after the handler began to read it. */
  bodyMs: number
  /** An answer must have been taken by the peer after so long. */
  answerMs: number
  /** Open streams of one peer; more are reset. */
  streamsPerPeerMax: number
}

export const SERVE_LIMITS: ServeLimits = {
  idleMs: 120_000,
  bodyMs: 60_000,
  answerMs: 60_000,
  streamsPerPeerMax: STREAMS_PER_PEER_MAX
}

export interface ServeDeps<T extends MessageTable> {
  readonly network: Network
  readonly protocol: string
  readonly messages: T
  /** Who may send what; a message that is not in it is refused. */
  readonly policy: Readonly<Record<keyof T, readonly Role[]>>
  readonly handlers: RpcHandlers<T>
  readonly clock: Clock
  readonly logger: Logger
  readonly limits?: Partial<ServeLimits>
}

export interface RpcServer {
  /** Aborts the signals of running requests and their streams; resolves when no handler runs any more. Idempotent. */
  stop(): Promise<void>
}

/** Registers the protocol with the network, which must not have been started yet. */
export function serve<T extends MessageTable>(deps: ServeDeps<T>): RpcServer {
  const limits = { ...SERVE_LIMITS, ...deps.limits }
  const logger = deps.logger.child({ protocol: deps.protocol })
  const sessions = new Map<RpcSession<T>, Promise<void>>()
  const streamsOf = new Map<PeerId, number>()
  let stopped = false

  const run = async (session: RpcSession<T>, stream: ByteStream): Promise<void> => {
    const count = (streamsOf.get(stream.peer) ?? 0) + 1
    streamsOf.set(stream.peer, count)
    try {
      if (count > limits.streamsPerPeerMax) throw new PeerbinError('busy', 'too many streams')
      await session.run()
    } catch (error) {
      report(logger, stream.peer, error)
      session.abort(error instanceof Error ? error : new PeerbinError('internal'))
    } finally {
      sessions.delete(session)
      const left = (streamsOf.get(stream.peer) ?? 1) - 1
      if (left === 0) streamsOf.delete(stream.peer)
      else streamsOf.set(stream.peer, left)
    }
  }

  deps.network.handle(deps.protocol, async (stream) => {
    if (stopped) throw new PeerbinError('shutting-down')
    const session = new RpcSession({ ...deps, limits, logger, stream })
    const running = run(session, stream)
    sessions.set(session, running)
    await running
  })

  return {
    async stop() {
      stopped = true
      const running = [...sessions.values()]
      for (const session of sessions.keys()) session.abort(new PeerbinError('shutting-down'))
      await Promise.all(running)
    }
  }
}

/** A peer that leaves is everyday life; one that breaks the protocol is not. */
function report(logger: Logger, peer: PeerId, error: unknown): void {
  if (hasCode(error, 'protocol-violation', 'internal') || !hasCode(error)) {
    logger.warn('a peer was cut off', { peer, err: error })
  } else {
    logger.debug('a stream ended early', { peer, code: error.code })
  }
}
