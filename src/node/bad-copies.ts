import type { ControllerClient } from '../client/controller-client.ts'
import { asPeerbinError } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import type { ChunkId, Generation, PeerId } from '../types.ts'

/** Reports under way at once. A disk that rots everywhere must not fill the memory: further ones are found by the next reader. */
const REPORTS_MAX = 64

export interface BadCopiesDeps {
  self: PeerId
  controller: Pick<ControllerClient, 'call'>
  logger: Logger
}

/** Tells the controller, in the background, that this node's own copy of a chunk does not match its hash any more. */
export class BadCopies {
  readonly #deps: BadCopiesDeps
  readonly #stopping = new AbortController()
  readonly #underWay = new Map<ChunkId, Promise<void>>()

  constructor(deps: BadCopiesDeps) {
    this.#deps = deps
  }

  report(chunk: ChunkId, generation: Generation): void {
    this.#deps.logger.error('a chunk does not match its hash any more', { chunk })
    const isFull = this.#underWay.size >= REPORTS_MAX
    if (isFull || this.#underWay.has(chunk) || this.#stopping.signal.aborted) return
    const report = this.#send(chunk, generation).finally(() => this.#underWay.delete(chunk))
    this.#underWay.set(chunk, report)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#underWay.values())
  }

  async #send(chunk: ChunkId, generation: Generation): Promise<void> {
    const { controller, self, logger } = this.#deps
    const message = { peer: self, chunk, generation, code: 'chunk-corrupt' as const }
    try {
      await controller.call('reportBadCopy', message, { signal: this.#stopping.signal })
    } catch (error) {
      // whoever reads the chunk next reports it again
      logger.warn('a bad copy could not be reported', { chunk, code: asPeerbinError(error).code })
    }
  }
}
